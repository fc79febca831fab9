"""Pairs by the ends of their names, from two paths, from trees, and from files that list them."""

import json

import pytest
from factories import config
from PIL import Image

from imtrans.engine.data.pair_loader import open_split
from imtrans.errors import DataError
from imtrans.plugins.component import ComponentRef
from imtrans_datasets.pairing.layout import find, find_two


def pictures(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)


def files(listing):
    return [tuple(file.name for file in item.files) for item in listing.items]


@pytest.mark.parametrize(
    ("one", "two"), [("_A", "_B"), ("-A", "-B"), (".A", ".B"), ("_source", "_target"), ("-source", "-target")]
)
@pytest.mark.parametrize("split", ["", "train"])
def test_the_ends_of_names_tell_source_from_target(one, two, split, tmp_path):
    for name in ("x", "y_A_z", "z"):
        pictures(tmp_path / split, f"{name}{one}.png", f"{name}{two}.jpg")
    pictures(tmp_path / "val", "v_A.png", "v_B.png") if split else None
    listing = find(tmp_path, "train")
    assert listing.sides == (one, two)
    assert files(listing)[0] == (f"x{one}.png", f"x{two}.jpg")
    assert [item.key for item in listing.items] == ["x", "y_A_z", "z"]
    assert listing.is_undivided == (not split)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a_A.png", "a_B.png", "b_A.png"), r"1 pictures have no partner: b_A"),
        (("a_A.png", "b_B.png"), r"2 pictures have no partner: a_A, b_B"),
        (("a_A.png", "b_A.png"), r"2 pictures have no partner: a_A, b_A"),
        (("a_A.png", "a_B.png", "c.png"), r"1 pictures have no partner: c"),
    ],
)
def test_missing_partners_are_named_and_never_paired_by_position(names, message, tmp_path):
    pictures(tmp_path, *names)
    with pytest.raises(DataError, match=message) as caught:
        find(tmp_path, "train")
    assert "ends in _A needs one that ends in _B" in caught.value.hint


def test_a_few_such_names_among_others_are_halves_side_by_side(tmp_path):
    pictures(tmp_path, "a_A.png", "street.png", "square.png", "b.png")
    assert find(tmp_path, "train").layout == "two halves side by side in each picture"


@pytest.mark.parametrize("nested", [False, True])
def test_any_two_paths_pair_by_name_with_and_without_splits(nested, tmp_path):
    s = "train" if nested else ""
    for split in ("train", "val") if nested else ("",):
        pictures(tmp_path / "photos" / split, "1.png", "2.png", "3.png")
        pictures(tmp_path / "far" / "sketches" / split, "1.jpg", "2.jpg", "3.jpg")
    given = {"source": str(tmp_path / "far" / "sketches"), "target": str(tmp_path / "photos")}
    data = open_split(config(dataset=ComponentRef("folder", given)), "train").source.dataset
    assert [*data.files(0)] in [
        [tmp_path / "far" / "sketches" / s / f"{n}.jpg", tmp_path / "photos" / s / f"{n}.png"] for n in "123"
    ]
    assert len(data) + len(open_split(config(dataset=ComponentRef("folder", given)), "val").source.dataset) == (
        6 if nested else 3
    )
    assert data.description.sides == ("sketches", "photos")


def test_one_of_two_paths_that_is_missing_is_named(tmp_path):
    pictures(tmp_path / "x", "1.png")
    with pytest.raises(DataError, match="nowhere: no such folder"):
        find_two(tmp_path / "x", tmp_path / "nowhere", "train")


def test_trees_pair_by_place_and_name(tmp_path):
    for side, suffix in (("A", "png"), ("B", "jpg")):
        for split in ("train", "val"):
            pictures(tmp_path / side / split, f"aachen/1.{suffix}", f"bonn/1.{suffix}", f"bonn/old/1.{suffix}")
    listing = find(tmp_path, "train")
    assert [item.key for item in listing.items] == ["aachen/1", "bonn/1", "bonn/old/1"]
    assert {item.files[0].parts[-3:-1] for item in listing.items} >= {("train", "aachen"), ("train", "bonn")}
    (tmp_path / "B" / "train" / "bonn" / "1.jpg").rename(tmp_path / "B" / "train" / "aachen" / "2.jpg")
    with pytest.raises(DataError, match=r"aachen/2 \(only in B"):
        find(tmp_path, "train")


ROWS = [("s/1.png", "t/1.png", "train"), ("s/2.png", "t/x.png", "val"), ("s/3.png", "t/3.png", "train")]


def told(path, text):
    path.write_text(text, encoding="utf-8")
    for source, target, _ in ROWS:
        pictures(path.parent, source, target)
    return path


TABLES = {
    "pairs.csv": "source,target,split\n" + "".join(f"{s},{t},{w}\n" for s, t, w in ROWS),
    "letters.csv": "split;key;B;A\r\n" + "".join(f"{w};{s};{t};{s}\r\n" for s, t, w in ROWS),
    "bare.tsv": "".join(f"{s}\t{t}\t{w}\n" for s, t, w in ROWS),
    "marked.csv": "\ufeffSource, Target, Split\n\n" + "".join(f'"{s}", {t}, {w.upper()}\n' for s, t, w in ROWS),
    "pairs.jsonl": "".join(json.dumps({"source": s, "target": t, "split": w}) + "\n" for s, t, w in ROWS),
    "letters.jsonl": "\n".join(json.dumps({"A": s, "B": t, "split": w, "key": s}) for s, t, w in ROWS),
}


@pytest.mark.parametrize("name", TABLES)
def test_pairs_are_read_from_a_file_that_lists_them(name, tmp_path):
    path = told(
        tmp_path / name,
        TABLES[name].replace('"s', "s").replace('png",', "png,") if name == "marked.csv" else TABLES[name],
    )
    listing = find(path, "train")
    assert files(listing) == [("1.png", "1.png"), ("3.png", "3.png")]
    assert files(find(path, "val")) == files(find(path, "test")) == [("2.png", "x.png")]
    assert listing.splits() == {"train": "2", "val": "1", "test": "1 (val serves)"}
    assert all(file.is_file() for item in listing.items for file in item.files)


def test_without_splits_the_rows_are_divided_by_their_keys(tmp_path):
    pictures(tmp_path, *(f"{i}.png" for i in range(12)))
    (tmp_path / "pairs.csv").write_text("".join(f"{i}.png,{11 - i}.png\n" for i in range(12)))
    given = config(dataset=ComponentRef("folder", {"path": str(tmp_path / "pairs.csv")}))
    train, val = (open_split(given, split).source.dataset for split in ("train", "val"))
    keys = [{data.key(i) for i in range(len(data))} for data in (train, val)]
    assert all(keys)
    assert keys[0] | keys[1] == {str(i) for i in range(12)}
    assert not keys[0] & keys[1]


def test_files_elsewhere_and_files_named_twice_are_allowed(tmp_path):
    pictures(tmp_path / "elsewhere", "1.png", "2.png")
    (tmp_path / "lists").mkdir()
    path = tmp_path / "lists" / "pairs.csv"
    absolute = tmp_path / "elsewhere" / "1.png"
    path.write_text(f"source,target\n../elsewhere/1.png,../elsewhere/2.png\n../elsewhere/1.png,{absolute}\nx,x\n"[:-4])
    listing = find(path, "train")
    assert listing.items[0].files == (absolute, tmp_path / "elsewhere" / "2.png")
    assert [item.key for item in listing.items] == ["../elsewhere/1", "../elsewhere/1-2"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "source,target\ns/1.png,t/none.png\n", r"x\.csv:2: t/none\.png: no such file"),
        ("x.csv", "source,target\ns/1.png\n", r"x\.csv:2: no target"),
        (
            "x.csv",
            "left,right\ns/1.png,t/1.png\n",
            r"x\.csv:1: no columns source and target \(or A and B\), but left, right",
        ),
        ("x.csv", "source,target,split\ns/1.png,t/1.png,trian\n", r"x\.csv:2: no split 'trian'; did you mean 'train'"),
        ("x.csv", "source,target,split\ns/1.png,t/1.png,val\ns/2.png,t/x.png,\n", r"x\.csv:3: no split, where other"),
        ("x.csv", "source,target,split\ns/1.png,t/1.png,val\n", r"x\.csv: no row is of split train"),
        ("x.csv", 'source,target\n"s/1.png,t/1.png\n', r"x\.csv:2: unexpected end of data"),
        ("x.csv", "", r"x\.csv: no pairs in it"),
        ("x.csv", "source,target\n", r"x\.csv: no pairs in it"),
        ("x.csv", "source,target\na\0b.png,t/1.png\n", r"x\.csv:2: .*"),
        ("x.jsonl", '{"source": "s/1.png"', r"x\.jsonl:1: not JSON"),
        ("x.jsonl", '\n["s/1.png", "t/1.png"]', r"x\.jsonl:2: not a JSON object"),
        ("x.jsonl", '{"source": "s/1.png"}', r"x\.jsonl:1: no target"),
        ("x.jsonl", '{"source": "s/1.png", "target": 5}', r"x\.jsonl:1: no target"),
        ("x.jsonl", '{"source": "s/1.png", "target": "t/1.png", "split": 3}', r"x\.jsonl:1: no split 3"),
        ("x.jsonl", "[" * 200_000, r"x\.jsonl:1: not JSON \(too deeply nested\)"),
    ],
    ids=lambda v: v[:20] if isinstance(v, str) and v.startswith(("x.", "source")) else "-",
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(name, text, message, tmp_path):
    path = told(tmp_path / name, text)
    with pytest.raises(DataError, match=message):
        find(path, "train")


def test_a_file_that_is_not_utf8_and_a_folder_of_such_a_name_are_said(tmp_path):
    (tmp_path / "x.csv").write_bytes("source,target\nmünchen.png,b.png\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"x\.csv: not UTF-8 text \(byte 15\)"):
        find(tmp_path / "x.csv", "train")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="0 pictures in"):
        find(tmp_path / "folder.csv", "train")
