"""`chain.yaml`: what is wrong is said with file, line and rule."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from kassenverbund.chain_file import ChainFileInvalid, chain_schema, load_chain, parse_chain

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "chain.yaml"


def broken(old: str, new: str) -> ChainFileInvalid:
    text = EXAMPLE.read_text()
    assert old in text
    with pytest.raises(ChainFileInvalid) as caught:
        parse_chain(text.replace(old, new, 1), name="chain.yaml")
    return caught.value


def line_of(needle: str) -> int:
    lines = EXAMPLE.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if needle in line)


def test_the_example_declares_three_stores_of_two_legal_entities() -> None:
    chain = load_chain(EXAMPLE)

    assert [store.id for store in chain.stores] == ["berlin", "koeln", "hamburg"]
    assert len(chain.legal_entities) == 2


@pytest.mark.parametrize(
    ("old", "new", "where", "rule"),
    [
        ("legal_entity: hafen", "legal_entity: nix", "stores[2].legal_entity", "no legal entity"),
        ("id: koeln", "id: berlin", "stores[1].id", "declared twice"),
        ("curve: brainpoolP384r1", "curve: P-999", "stores[2].tses[0].curve", "P-384"),
        ("rate: 700", "rate: 7.5", "vat[1].rate", "integer"),
        ("city: Köln", 'city: "K\\x1bln"', "stores[1].address.city", "U+001B"),
    ],
)
def test_a_broken_rule_is_told_with_its_place_and_line(
    old: str, new: str, where: str, rule: str
) -> None:
    (fault,) = broken(old, new).faults

    assert fault.where == where
    assert rule in fault.rule
    assert fault.line == line_of(old)
    assert str(fault).startswith(f"chain.yaml:{fault.line}: {where}: ")


def test_a_store_of_a_country_without_a_package_is_refused_at_its_line() -> None:
    (fault,) = broken("  - id: koeln\n", "  - id: koeln\n    country: AT\n").faults

    assert fault.where == "stores[1].country"
    assert fault.line == line_of("id: koeln") + 1
    assert fault.rule == "there is no signing package for AT (there is one for: DE)"


def test_an_installed_package_lets_its_country_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "austria-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: austria\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[kassenverbund.countries]\nAT = austria:AUSTRIA\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = EXAMPLE.read_text().replace("  - id: koeln\n", "  - id: koeln\n    country: AT\n", 1)

    assert parse_chain(text, name="chain.yaml").stores[1].country == "AT"


def test_an_unknown_field_is_refused_at_its_line() -> None:
    faults = broken("currency: EUR", "colour: blue").faults

    assert [(fault.where, fault.line) for fault in faults] == [("colour", line_of("currency"))]


def test_a_key_written_twice_is_refused_at_its_line() -> None:
    (fault,) = broken("currency: EUR", "currency: EUR\ncurrency: EUR").faults

    assert fault.line == line_of("currency: EUR") + 1


def test_what_is_not_yaml_is_refused_at_its_line() -> None:
    (fault,) = broken("legal_entities:", "\tlegal_entities:").faults

    assert fault.line == line_of("legal_entities:")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"a: &a [*a]", b"!!python/name:os"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chain.yaml"
    path.write_bytes(content)

    with pytest.raises(ChainFileInvalid, match=r"chain\.yaml:1: "):
        load_chain(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChainFileInvalid, match="No such file"):
        load_chain(tmp_path / "none.yaml")


def test_the_json_schema_accepts_the_example_and_refuses_an_unknown_field() -> None:
    schema = json.loads(chain_schema())
    document = json.loads(json.dumps(YAML(typ="safe").load(EXAMPLE.read_text()), default=str))

    jsonschema.Draft202012Validator(schema).validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**document, "colour": "blue"})


def test_the_checked_in_schema_is_the_one_of_the_code() -> None:
    assert (ROOT / "chain.schema.json").read_text() == chain_schema()
