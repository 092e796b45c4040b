"""smearprep: from raw blood-smear images to a prepared set."""
