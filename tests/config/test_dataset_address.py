"""A data set is chosen by the scheme of an address, or by a mark in a folder."""

import pytest

from imtrans.config.dataset_argument import dataset_layer
from imtrans.errors import ConfigError


def layer(catalog, text):
    return {".".join(a.path): a.value for a in dataset_layer(catalog, text).assignments}


def test_an_address_is_the_path_of_the_set_that_reads_its_scheme(catalog):
    for address in ("s3://bucket/set", "https://host/set?key=1"):
        assert layer(catalog, address) == {"dataset": "shards", "dataset.path": address}


def test_a_scheme_that_no_data_set_reads_is_named_without_secrets(catalog):
    with pytest.raises(ConfigError, match=r"--dataset ftp://host/set: no data set reads ftp: addresses"):
        dataset_layer(catalog, "ftp://user:secret@host/set")


def test_a_folder_with_a_mark_is_that_of_the_data_set_with_this_mark(catalog, tmp_path):
    assert layer(catalog, str(tmp_path))["dataset"] == "folder"
    (tmp_path / "shards.json").write_text("{}")
    assert layer(catalog, str(tmp_path)) == {"dataset": "shards", "dataset.path": str(tmp_path)}
