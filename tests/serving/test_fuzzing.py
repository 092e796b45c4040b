"""Whatever is asked, in whatever order: never a fault, and the set stays sound."""

from tests.serving.fuzzing import fuzz


def test_random_requests(folder):
    found = fuzz(folder, cases=200, seed=0)
    assert found[200] > 300 and {400, 401, 403, 404, 409} <= set(found)
