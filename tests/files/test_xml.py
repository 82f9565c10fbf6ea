"""XML files of others, in the encodings in which they come."""

from pathlib import Path

import pytest

from tallygrid.files.mistake import FileError
from tallygrid.files.xml import read_xml


def _file(folder: Path, declared: str, data: bytes) -> Path:
    file = folder / "statement.xml"
    file.write_bytes(f'<?xml version="1.0" encoding="{declared}"?>\n'.encode() + data)
    return file


@pytest.mark.parametrize("declared", ["GB18030", "gb2312", "GBK", "UTF-8"])
def test_a_chinese_banks_file_is_read_in_the_encoding_that_it_declares(
    tmp_path: Path, declared: str
) -> None:
    file = _file(tmp_path, declared, "<a><b>退汇</b></a>".encode(declared))

    assert read_xml(file).said("b") == "退汇"


@pytest.mark.parametrize(
    ("declared", "data", "said"),
    [
        ("big5", "<a>退</a>".encode("big5"), "UTF-8"),
        ("no-such", b"<a/>", "UTF-8"),
        ("GB18030", b"<a>\xff</a>", "is not GB 18030"),
        ("UTF-8", b"<a>\xff</a>", "is no XML"),
        ("GBK", b"<a>", "is no XML"),
    ],
)
def test_a_file_that_cannot_be_read_as_it_declares_is_refused(
    tmp_path: Path, declared: str, data: bytes, said: str
) -> None:
    with pytest.raises(FileError, match=said):
        read_xml(_file(tmp_path, declared, data))


def test_a_document_type_is_refused_in_a_chinese_file_too(tmp_path: Path) -> None:
    data = '<!DOCTYPE a [<!ENTITY x "退">]><a>&x;</a>'.encode("gb18030")

    with pytest.raises(FileError, match="document type"):
        read_xml(_file(tmp_path, "GB18030", data))
