import json
from pathlib import Path

import pytest

from imtrans.config.io import line_of, read, write
from imtrans.config.resolve import resolve
from imtrans.errors import ConfigError
from imtrans.plugins.catalog import Catalog


def refused(path: Path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "place", "fault"),
    [
        ("c.toml", "[train]\nseed = = 1\n", ":2:8", "Invalid value"),
        ("c.toml", "seed", ":1:1", ""),
        ("c.toml", "a = 1\na = 2\n", ":2:6", "Cannot overwrite a value"),
        ("c.toml", '[train]\nname = "a', ":2:1", ""),
        ("c.json", '{"train":\n  {"seed": 1,}}', ":2:", ""),
        ("c.json", '{"a": 1} {}', ":1:10", "Extra data"),
        ("c.json", '{"a": 0x1}', ":1:8", "Expecting ',' delimiter"),
    ],
)
def test_a_syntax_error_is_told_with_file_line_and_column(
    tmp_path: Path, name: str, text: str, place: str, fault: str
) -> None:
    told = refused(tmp_path / name, text)
    assert told.startswith(f"{tmp_path / name}{place}")
    assert fault in told
    assert told.endswith("\nFix that line.")


@pytest.mark.parametrize("name", ["c.yaml", "c.yml", "c.txt", "c"])
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    told = refused(tmp_path / name, "train:\n  seed: 1\n")
    suffix = Path(name).suffix or "one without a suffix"
    fault = f"{tmp_path / name}: a configuration is a .toml or .json file, not {suffix}"
    assert told == f"{fault}\nWrite it as TOML or JSON."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.toml", f"v = {'[' * 10_000}{']' * 10_000}"),
        ("c.toml", f"{'.'.join('a' * 10_000)} = 1"),
        ("c.json", f'{{"v": {"[" * 10_000}{"]" * 10_000}}}'),
        ("c.json", '{"a":' * 10_000 + "1" + "}" * 10_000),
    ],
)
def test_nesting_of_10_000_levels_is_refused(tmp_path: Path, name: str, text: str) -> None:
    told = refused(tmp_path / name, text)
    assert told == f"{tmp_path / name}: nested more than 20 levels deep\nNo key needs that many."


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"#" * 1_000_001, "1,000,001 bytes; a configuration has at most 1,000,000"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "not UTF-8 text\nSave it as UTF-8."),
        ("seed = 1".encode("utf-16"), "not UTF-8 text\nSave it as UTF-8."),
        ("seed = 1".encode("utf-16-le"), "not text (it holds zero bytes)\nSave it as UTF-8."),
        (b"", "the file is empty\nPut keys into it, or leave out --config."),
        (b"\xef\xbb\xbf \n", "the file is empty\nPut keys into it, or leave out --config."),
    ],
)
def test_what_is_no_text_of_a_sensible_size_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "c.toml"
    assert refused(path, content) == f"--config {path}: {fault}"


@pytest.mark.parametrize("name", ["missing.toml", ".", "x" * 300 + ".toml"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^--config .*: (no such file|File name too long)$"):
        read(tmp_path / name)


def test_a_list_is_no_configuration(tmp_path: Path) -> None:
    assert refused(tmp_path / "c.json", "[1]") == f"{tmp_path / 'c.json'}: must be a table of keys, not a list"


def test_a_number_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    for name, text in (("c.toml", f"a = {'1' * 5000}"), ("c.json", f'{{"a": {"1" * 5000}}}')):
        assert "Exceeds the limit" in refused(tmp_path / name, text)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    for name, text in (("c.toml", "[train]\nseed = 1"), ("c.json", '{"train": {"seed": 1}}')):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert read(tmp_path / name) == {"train": {"seed": 1}}


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("[train]\nseed = 1\n", "train.seed", 2),
        ("# no\ntrain.seed = 1\n", "train.seed", 2),
        ("[data]\nseed = 1\n[train]\nseed = 2\n", "train.seed", 4),
        ('{\n "train": {\n  "seed": 1}}', "train.seed", 3),
        ('[generator]\nencoder_activation = {name = "relu", slope = 1}', "generator.encoder_activation", 2),
        ("[train]\n", "train.seed", 0),
    ],
)
def test_the_line_of_a_key_is_found(text: str, key: str, line: int) -> None:
    assert line_of(text, key.split(".")) == line


def test_what_is_written_says_where_each_value_came_from(catalog: Catalog) -> None:
    lines = write(resolve(catalog, "pix2pix")).splitlines()
    assert lines[0] == 'recipe = "pix2pix"'
    assert f"width = {catalog.component('dataset', 'toy').info.advice['generator.width']}  # dataset toy" in lines
    assert "weight = 100.0  # recipe pix2pix" in lines
    assert "optimizer.generator.betas = [0.5, 0.999]  # recipe pix2pix" in lines
    assert 'norm = "batch"  # default' in lines


def test_a_json_file_means_the_same_as_toml(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(resolve(catalog, "pix2pix").tree()))
    (tmp_path / "c.toml").write_text(write(resolve(catalog, "pix2pix")))
    assert read(tmp_path / "c.json") == read(tmp_path / "c.toml")
