"""CSV manifests: columns, labels, parts, and paths that may not leave their folder."""

import pytest

from hounsfield.cases.layouts import read_cases
from hounsfield.errors import DatasetError
from tests.cases.examples import codes, save_picture


def write(folder, text, name="manifest.csv", pictures=4, encoding="utf-8"):
    for number in range(pictures):
        save_picture(folder / "img" / f"{number}.png", number)
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def refusal(path, **options):
    with pytest.raises(DatasetError) as caught:
        read_cases(path, **options)
    return caught.value


FULL = """path,label,patient_id,split,scanner
img/0.png,normal,p1,train,A
img/1.png,ill,p2,val,B
img/2.png,normal,p3,test,A
img/3.png,ill,p3,test,B
"""


def test_every_column(tmp_path):
    table = read_cases(write(tmp_path, FULL))
    assert table.layout == "manifest"
    assert table.class_names == ("ill", "normal")
    assert [case.patient for case in table.cases] == ["p1", "p2", "p3", "p3"]
    assert [case.split for case in table.cases] == ["training", "tuning", "test", "test"]
    assert table.cases[1].attributes == (("scanner", "B"),)
    assert table.issues == ()
    assert table.read_volume(table.cases[0]).array.shape == (1, 48, 48)


def test_the_folder_that_holds_it_and_images_beside_it(tmp_path):
    write(tmp_path, FULL, "my labels.csv")
    assert read_cases(tmp_path).layout == "manifest"


def test_a_table_of_other_things_is_no_manifest(tmp_path):
    write(tmp_path, "name,score\nx,1\n", "scores.csv")
    with pytest.raises(DatasetError) as caught:
        read_cases(tmp_path)
    assert caught.value.code == "E801", "pictures under img alone are no class folders"


def test_other_names_of_columns_and_a_semicolon(tmp_path):
    text = "File Name;Diagnosis;Subject\nimg/0.png;a;1\nimg/1.png;b;2\n"
    table = read_cases(write(tmp_path, text))
    assert [case.patient for case in table.cases] == ["1", "2"]


def test_a_byte_order_mark_and_windows_line_ends(tmp_path):
    text = "\ufeffpath,label\r\nimg/0.png,a\r\nimg/1.png,b\r\n"
    assert len(read_cases(write(tmp_path, text))) == 2


def test_numbers_as_labels(tmp_path):
    path = write(tmp_path, "path,label\nimg/0.png,0\nimg/1.png,10\nimg/2.png,2\n")
    table = read_cases(path)
    assert table.class_names == ("0", "2", "10")
    assert not table.has_published_names
    named = read_cases(write(tmp_path, "path,label\nimg/0.png,0\nimg/1.png,1\n"), class_names=("normal", "ill"))
    assert named.labels.tolist() == [0, 1]
    assert named.class_names == ("normal", "ill")


def test_a_number_outside_the_names(tmp_path):
    path = write(tmp_path, "path,label\nimg/0.png,0\nimg/1.png,5\n")
    assert refusal(path, class_names=("normal", "ill")).code == "E806"


def test_a_case_without_a_label_is_kept_and_said(tmp_path):
    table = read_cases(write(tmp_path, "path,label\nimg/0.png,a\nimg/1.png,b\nimg/2.png,\n"))
    assert table.cases[2].label is None
    assert table.labels.tolist() == [0, 1, -1]
    assert "Q807" in codes(table.issues)
    assert table.counts() == {"a": 1, "b": 1}


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "img/../../x.png", "."])
def test_paths_that_leave_the_folder(tmp_path, path):
    save_picture(tmp_path / "secret.png", 9)
    folder = tmp_path / "set"
    folder.mkdir()
    error = refusal(write(folder, f"path,label\nimg/0.png,a\n{path},b\n"))
    assert error.code == "E814"


def test_a_link_that_leaves_the_folder(tmp_path):
    outside = save_picture(tmp_path / "outside.png", 5)
    folder = tmp_path / "set"
    folder.mkdir()
    path = write(folder, "path,label\nimg/0.png,a\nlink.png,b\n")
    (folder / "link.png").symlink_to(outside)
    assert refusal(path).code == "E814"


def test_a_missing_column(tmp_path):
    error = refusal(write(tmp_path, "path,patient\nimg/0.png,1\n"))
    assert error.code == "E813"
    assert error.facts["expected"] == "label"


def test_a_path_twice(tmp_path):
    assert refusal(write(tmp_path, "path,label\nimg/0.png,a\nimg/./0.png,b\n")).code == "E820"


def test_an_unknown_part(tmp_path):
    assert refusal(write(tmp_path, "path,label,split\nimg/0.png,a,holiday\nimg/1.png,b,test\n")).code == "E821"


@pytest.mark.parametrize("content", ["", "path,label\n"])
def test_an_empty_table(tmp_path, content):
    assert refusal(write(tmp_path, content)).code == "E815"


def test_another_encoding(tmp_path):
    path = write(tmp_path, "path,label\nimg/0.png,krank\nimg/1.png,gesünd\n", encoding="latin-1")
    assert refusal(path).code == "E815"


def test_a_few_missing_files_are_left_out_and_many_are_refused(tmp_path):
    rows = "".join(f"img/{number}.png,{'ab'[number % 2]}\n" for number in range(12))
    table = read_cases(write(tmp_path, "path,label\n" + rows, pictures=11))
    assert len(table) == 11
    issue = next(issue for issue in table.issues if issue.code == "Q805")
    assert "img/11.png" in issue.text()
    other = tmp_path / "other"
    other.mkdir()
    error = refusal(write(other, "path,label\n" + rows, pictures=5))
    assert error.code == "E805"
    assert error.facts["count"] == 7
