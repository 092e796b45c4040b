"""Sound files of every format that is read, to be damaged. Where a shape recurs it is the 40x30 rectangle."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
from PIL import Image

SUFFIXES = {
    "do_unet": ".json", "coco": ".json", "labelme": ".json", "via": ".json", "label_studio": ".json",
    "qupath": ".geojson", "voc": ".xml", "cvat": ".xml", "imagescope": ".xml", "asap": ".xml",
    "yolo": ".txt", "xyc": ".xyc", "masks": ".png",
}  # fmt: skip

_XY = [[10, 10], [50, 10], [50, 40], [10, 40]]
_FLAT = [value for point in _XY for value in point]


def _png(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _do_unet() -> list[bytes]:
    shape = {"shape": 5, "vertices": [{"x": x, "y": y} for x, y in _XY], "object_label": "Truck", "marker": "",
             "marker_comments": ["seen"]}  # fmt: skip
    image = {"image_name": "a.jpg", "image_height": 80, "image_width": 100}
    bow = {**shape, "vertices": [{"x": x, "y": y} for x, y in ((0, 0), (9, 9), (9, 0), (0, 9))]}
    return [_json({"version": "v0.0.1", "image_information": image, "markup": [shape, bow, shape]})]


def _coco() -> list[bytes]:
    image = {"id": 1, "file_name": "a.jpg", "width": 100, "height": 80, "not_exhaustive_category_ids": [2],
             "neg_category_ids": [1]}  # fmt: skip
    base = {"image_id": 1, "category_id": 1, "iscrowd": 0}
    cells = [
        {
            **base,
            "id": 1,
            "segmentation": [_FLAT, [60, 60, 70, 60, 70, 70]],
            "bbox": [10, 10, 40, 30],
            "area": 1200,
        },
        {**base, "id": 2, "segmentation": {"size": [80, 100], "counts": [810, 30, 50, 30, 7080]}},
        {**base, "id": 3, "segmentation": {"size": [80, 100], "counts": "1`0P2N2"}, "category_id": 2},
        {**base, "id": 4, "segmentation": [], "bbox": [1, 2, 3, 4], "outline": "box", "attributes": {"a": 1}},
        {
            **base,
            "id": 5,
            "keypoints": [5, 6, 2],
            "num_keypoints": 1,
            "bbox": [5, 6, 0, 0],
            "outline": "point",
        },
    ]
    names = [
        {"id": 1, "name": "WBC", "supercategory": "cells"},
        {"id": 2, "name": "RBC"},
        {"id": 0, "name": "cells"},
    ]
    return [_json({"images": [image], "annotations": cells, "categories": names})]


def _labelme() -> list[bytes]:
    mask = base64.b64encode(_png(np.eye(4, dtype=np.uint8) * 255)).decode()
    shapes = [
        {"label": "WBC", "points": _XY, "group_id": 1, "shape_type": "polygon", "flags": {"x": True}},
        {"label": "WBC", "points": [[60, 60], [70, 60], [70, 70]], "group_id": 1, "shape_type": "polygon"},
        {
            "label": "RBC",
            "points": [[70, 50], [80, 50]],
            "group_id": None,
            "shape_type": "circle",
            "flags": {},
        },
        {"label": "RBC", "points": [[50, 40], [10, 10]], "shape_type": "rectangle", "description": "d"},
        {"label": "RBC", "points": [[5, 5], [8, 8]], "shape_type": "mask", "mask": mask},
        {"label": "PLT", "points": [[5, 5]], "shape_type": "point"},
        {"label": "PLT", "points": [[5, 5], [8, 8]], "shape_type": "line"},
        {"label": "PLT", "points": _XY},
    ]
    whole = {"version": "5.5.0", "flags": {}, "imagePath": "a.jpg", "imageData": None, "imageHeight": 80,
             "imageWidth": 100, "shapes": shapes}  # fmt: skip
    picture = base64.b64encode(_png(np.zeros((8, 10), np.uint8))).decode()
    return [_json(whole), _json({"shapes": shapes[:2], "imagePath": "..\\b\\a.jpg", "imageData": picture})]


def _via() -> list[bytes]:
    shapes: list[dict[str, Any]] = [
        {"name": "polygon", "all_points_x": [10, 50, 50, 10], "all_points_y": [10, 10, 40, 40]},
        {"name": "circle", "cx": 70, "cy": 50, "r": 10},
        {"name": "ellipse", "cx": 70, "cy": 50, "rx": 10, "ry": 5, "theta": 0.3},
        {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},
        {"name": "point", "cx": 1, "cy": 2},
        {"name": "polyline", "all_points_x": [1, 2], "all_points_y": [1, 2]},
    ]
    regions = [{"shape_attributes": shape, "region_attributes": {"type": "WBC"}} for shape in shapes]
    regions[1]["region_attributes"] = {"type": {"RBC": True}, "note": "x"}
    image = {"filename": "a.jpg", "size": 12345, "regions": regions, "file_attributes": {}}
    options = {"region": {"type": {"type": "radio", "options": {"WBC": "", "RBC": ""}}}, "file": {}}
    project = {"_via_settings": {}, "_via_img_metadata": {"a.jpg12345": image}, "_via_attributes": options}
    old = {**image, "regions": {str(n): region for n, region in enumerate(regions)}}
    head = (
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    )
    rows = [
        f'a.jpg,12345,"{{}}",{len(regions)},{n},"{_quoted(r["shape_attributes"])}","{_quoted(r["region_attributes"])}"'
        for n, r in enumerate(regions)
    ]
    text = "\n".join([head, *rows, 'b.jpg,5,"{}",0,0,"{}","{}"']).encode()
    return [_json({"a.jpg12345": image}), _json(project), _json({"a.jpg12345": old}), text]


def _quoted(value: Any) -> str:
    return json.dumps(value).replace('"', '""')


def _qupath() -> list[bytes]:
    ring = [*_XY, _XY[0]]
    hole = [[20, 20], [20, 30], [30, 30], [30, 20], [20, 20]]
    told = {"objectType": "annotation", "classification": {"name": "WBC", "color": [200, 0, 0]},
            "measurements": [{"name": "Area", "value": 2.5}], "metadata": {"a": "1"}}  # fmt: skip
    geometries: list[dict[str, Any]] = [
        {"type": "Polygon", "coordinates": [ring, hole]},
        {"type": "MultiPolygon", "coordinates": [[ring], [[[60, 60], [70, 60], [70, 70], [60, 60]]]]},
        {"type": "Point", "coordinates": [5, 6]},
        {"type": "MultiPoint", "coordinates": [[5, 6], [7, 8]]},
        {"type": "LineString", "coordinates": [[5, 6], [7, 8]]},
    ]
    features = [
        {"type": "Feature", "id": f"u{n}", "geometry": g, "properties": told}
        for n, g in enumerate(geometries)
    ]
    features[1]["properties"] = {
        "object_type": "cell",
        "classification": {"name": "RBC", "colorRGB": -377282},
    }
    whole = {"type": "FeatureCollection", "features": features}
    return [_json(whole), _json(features), _json(features[0]),
            _json({**whole, "image": {"name": "a.jpg", "width": 100, "height": 80}})]  # fmt: skip


def _label_studio() -> list[bytes]:
    runs = [0, 0, 0, 48, 57, 27, 254, 19, 0, 159, 255, 9, 128, 0]
    values: list[tuple[str, dict[str, Any]]] = [
        ("polygonlabels", {"points": [[10, 12.5], [50, 12.5], [50, 50], [10, 50]], "polygonlabels": ["WBC"]}),
        (
            "rectanglelabels",
            {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0, "rectanglelabels": ["RBC"]},
        ),
        (
            "ellipselabels",
            {"x": 30, "y": 30, "radiusX": 5, "radiusY": 4, "rotation": 30, "ellipselabels": ["RBC"]},
        ),
        ("keypointlabels", {"x": 30, "y": 30, "width": 1, "keypointlabels": ["PLT"]}),
        ("brushlabels", {"format": "rle", "rle": runs, "brushlabels": ["WBC"]}),
    ]
    results = [
        {"id": f"r{n}", "type": kind, "from_name": "label", "to_name": "image", "original_width": 100,
         "original_height": 80, "image_rotation": 0, "value": value}
        for n, (kind, value) in enumerate(values)
    ]  # fmt: skip
    results[4] |= {"original_width": 4, "original_height": 3}
    task = {"id": 1, "data": {"image": "/data/upload/1/abcd1234-a.jpg"}}
    by_two = [{"id": 7, "completed_by": 1, "result": results[:4]}, {"id": 8, "completed_by": {"email": "b@c"},
              "result": results[:1], "was_cancelled": False}]  # fmt: skip
    guess = [{"model_version": "m", "score": 0.5, "result": results[:2]}]
    return [_json([{**task, "annotations": by_two}]), _json([{**task, "annotations": [], "predictions": guess}]),
            _json([{**task, "annotations": [{"result": results[4:]}]}])]  # fmt: skip


_VOC = b"""<annotation><folder/><filename>a.jpg</filename><size><width>100</width><height>80</height><depth>3</depth>
</size><object><name>WBC</name><difficult>0</difficult><bndbox><xmin>11</xmin><ymin>11</ymin><xmax>50</xmax>
<ymax>40</ymax></bndbox></object><object><name>RBC</name><truncated>1</truncated><bndbox><xmin>1</xmin><ymin>1</ymin>
<xmax>5.5</xmax><ymax>5</ymax></bndbox></object></annotation>"""

_CVAT = b"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels><label><name>WBC</name></label><label><name>RBC</name></label>
</labels></task></meta><image id="0" name="a.jpg" width="100" height="80">
<polygon label="WBC" source="manual" occluded="0" points="10.00,10.00;50.00,10.00;50.00,40.00;10.00,40.00" z_order="0">
<attribute name="a">b</attribute></polygon>
<mask label="PLT" source="manual" occluded="0" rle="1, 1, 1, 3" left="60" top="50" width="3" height="2" z_order="0">
</mask><box label="RBC" xtl="1.0" ytl="2.0" xbr="9.0" ybr="8.0" rotation="30" group_id="1"></box>
<ellipse label="RBC" source="manual" occluded="0" cx="75.00" cy="55.00" rx="10.00" ry="10.00" z_order="0"></ellipse>
<points label="PLT" points="5.0,6.0;7.0,8.0"></points><polyline label="PLT" points="5.0,6.0;7.0,8.0"></polyline>
</image></annotations>"""

_IMAGESCOPE = b"""<Annotations MicronsPerPixel="0.25"><Annotation Id="1" Name="WBC" LineColor="255"><Attributes>
<Attribute Name="Description" Id="0" Value=""/></Attributes><Regions><RegionAttributeHeaders/>
<Region Id="1" Type="0" NegativeROA="0" Text=""><Vertices><Vertex X="10" Y="10" Z="0"/><Vertex X="50" Y="10"/>
<Vertex X="50" Y="40"/><Vertex X="10" Y="40"/></Vertices></Region>
<Region Id="2" Type="0" NegativeROA="1"><Vertices><Vertex X="20" Y="20"/><Vertex X="30" Y="20"/><Vertex X="30" Y="30"/>
</Vertices></Region><Region Id="3" Type="2"><Vertices><Vertex X="60" Y="60"/><Vertex X="70" Y="70"/></Vertices>
</Region></Regions></Annotation></Annotations>"""

_ASAP = b"""<?xml version="1.0"?><ASAP_Annotations><Annotations>
<Annotation Name="Annotation 0" Type="Polygon" PartOfGroup="WBC" Color="#F4FA58"><Coordinates>
<Coordinate Order="1" X="50" Y="10"/><Coordinate Order="0" X="10" Y="10"/><Coordinate Order="2" X="50,0" Y="40"/>
<Coordinate Order="3" X="10" Y="40"/></Coordinates></Annotation>
<Annotation Name="d" Type="Dot" PartOfGroup="None"><Coordinates><Coordinate Order="0" X="5" Y="6"/></Coordinates>
</Annotation><Annotation Name="r" Type="Rectangle" PartOfGroup="RBC"><Coordinates><Coordinate Order="0" X="1" Y="1"/>
<Coordinate Order="1" X="1" Y="9"/><Coordinate Order="2" X="9" Y="9"/><Coordinate Order="3" X="9" Y="1"/></Coordinates>
</Annotation></Annotations><AnnotationGroups><Group Name="WBC" PartOfGroup="None" Color="#00ff00"><Attributes/></Group>
</AnnotationGroups></ASAP_Annotations>"""


def _masks() -> list[bytes]:
    binary = np.zeros((80, 100), np.uint8)
    binary[10:40, 10:50] = 255
    return [
        _png(binary),
        _png(np.dstack([binary] * 3)),
        _png(binary.astype(bool)),
        _png(binary.astype(np.uint16) * 9),
    ]


def seeds(name: str) -> list[bytes]:
    """Sound files of a format."""
    made = {
        "do_unet": _do_unet, "coco": _coco, "labelme": _labelme, "via": _via, "qupath": _qupath,
        "label_studio": _label_studio, "masks": _masks,
    }  # fmt: skip
    written = {
        "voc": [_VOC], "cvat": [_CVAT], "imagescope": [_IMAGESCOPE], "asap": [_ASAP],
        "yolo": [b"0 0.1 0.125 0.5 0.125 0.5 0.5 0.1 0.5\n1 0.5 0.5 0.1 0.1\n"],
        "xyc": [b"10\t20\n30\t40\n"],
    }  # fmt: skip
    return made[name]() if name in made else written[name]
