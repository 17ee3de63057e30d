"""Series from files: layouts recognised, wrong cells told by line."""

from __future__ import annotations

import lzma

import numpy as np
import pytest

from recurra.core.errors import FormatError
from recurra.formats.tables import read_table
from recurra.tasks.series.options import ColumnOptions
from recurra.tasks.series.read import read_ahead, read_panel


def write(path, text):
    path.write_text(text)
    return path


def test_long_tables(tmp_path):
    text = "unique_id,ds,y\nb,2024-01-02,2\nb,2024-01-01,1\na,2024-01-01,\na,2024-01-02,5\n"
    file = write(tmp_path / "a.csv", text)
    read = read_panel(file)
    assert read.layout == "long"
    assert [(one.name, one.y.tolist()) for one in read.panel.series] == [("b", [1, 2]), ("a", [5])]


def test_long_tables_with_other_names_and_semicolons(tmp_path):
    file = write(tmp_path / "a.csv", "Shop;Day;Sold\nx;31.12.2023;1,5\nx;01.01.2024;2,5\n")
    columns = ColumnOptions(id_column="Shop", time_column="Day", target_column="Sold")
    (one,) = read_panel(file, columns).panel.series
    assert one.y.tolist() == [1.5, 2.5]
    assert one.last == np.datetime64("2024-01-01")


def test_rows_as_in_m4_end_early(tmp_path):
    data = '"V1","V2","V3","V4"\n"H1",1,2,3\n"H2",4,5,\n'
    (tmp_path / "m4.csv.xz").write_bytes(lzma.compress(data.encode()))
    read = read_panel(tmp_path / "m4.csv.xz")
    assert read.layout == "rows"
    assert [one.y.tolist() for one in read.panel.series] == [[1, 2, 3], [4, 5]]


def test_wide_tables_with_and_without_dates(tmp_path):
    read = read_panel(write(tmp_path / "a.csv", "date,a,b\n2024-01,1,2\n2024-02,3,4\n"))
    assert read.layout == "wide"
    assert [one.y.tolist() for one in read.panel.series] == [[1, 3], [2, 4]]
    read = read_panel(write(tmp_path / "b.csv", "0.5,1.5\n0.6,1.6\n0.7,1.7\n"))
    assert [one.name for one in read.panel.series] == ["column 1", "column 2"]


def test_one_column_and_a_column_beside_dates(tmp_path):
    read = read_panel(write(tmp_path / "a.csv", "Heart rate\n84.2\n84.3\n\n84.4\n"))
    assert read.layout == "single"
    assert read.panel.series[0].y.tolist() == [84.2, 84.3, 84.4]
    read = read_panel(write(tmp_path / "b.csv", "Month,Passengers\n1949-01,112\n1949-02,118\n"))
    assert (read.layout, str(read.panel.frequency)) == ("single", "every month")
    assert read.panel.series[0].name == "Passengers"


def test_dates_that_fall_are_turned_round(tmp_path):
    text = "Week,Gasoline\n04/30/2021,3\n04/23/2021,2\n04/16/2021,1\n"
    read = read_panel(write(tmp_path / "a.csv", text))
    assert read.panel.series[0].y.tolist() == [1, 2, 3]
    assert any("sorted" in note for note in read.panel.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unique_id,ds,y\na,1,2\na,2,lots\n", "line 3: y is 'lots'"),
        ("unique_id,ds,y\na,1,2\na,2,inf\n", "line 3: y is infinite"),
        ("unique_id,ds,y\na,1,2\na,1,3\n", "two values at 1"),
        ("unique_id,ds,y\n", "no rows"),
        ("name,place\nx,y\nz,w\n", "which column is what"),
        ("", "is empty"),
        ("unique_id,ds,y\na,2024-13-01,1\n", "no date"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(tmp_path, text, said):
    with pytest.raises(FormatError, match=said):
        read_panel(write(tmp_path / "a.csv", text))


def test_bytes_that_are_no_table(tmp_path):
    (tmp_path / "a.csv").write_bytes(bytes(range(128, 256)))
    with pytest.raises(FormatError, match="no table"):
        read_table(tmp_path / "a.csv")


def test_covariates_of_the_future(tmp_path):
    panel = read_panel(write(tmp_path / "a.csv", "unique_id,ds,y\na,1,2\na,2,3\n")).panel
    ahead = write(tmp_path / "b.csv", "unique_id,ds,promo\na,4,1\na,3,0\na,2,9\nb,3,7\n")
    found = read_ahead(ahead, ColumnOptions(), panel, ("promo",))
    assert found["a"].tolist() == [[0], [1]]
