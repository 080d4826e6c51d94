"""The kernels are compiled for these tests, whatever the user's cache holds."""

from __future__ import annotations

import os
import shlex
import shutil

import pytest


@pytest.fixture(scope="session")
def compiler():
    if shutil.which(shlex.split(os.environ.get("CXX", "c++"))[0]) is None:
        pytest.skip("no C++ compiler")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
