"""Files to a repository on the Hugging Face Hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from imtrans.net.hub_errors import hub_errors, hub_library


class Pushed(NamedTuple):
    """The address of a repository's page, the commit that was made, and whether only its owner sees it."""

    url: str
    commit: str
    is_private: bool


def push(repo: str, files: Mapping[str, Path], *, is_private: bool, message: str) -> Pushed:
    """Put files, by their names there, into a model repository in one commit: all of them or none.

    The repository is made if it is missing, `is_private` or not; one that exists keeps what it is. ResourceError where
    the user is not known or may not write, DownloadError where the network fails.
    """
    library = hub_library()
    with hub_errors(repo, repo):
        api = library.HfApi(library_name="imtrans")
        page = api.create_repo(repo, private=is_private, exist_ok=True)
        operations = [library.CommitOperationAdd(name, str(path)) for name, path in files.items()]
        commit = api.create_commit(page.repo_id, operations, commit_message=message)
        return Pushed(str(page), str(commit.oid), bool(api.model_info(page.repo_id).private))
