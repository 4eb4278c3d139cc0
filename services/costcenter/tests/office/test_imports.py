"""Companies, groups, centers and cards from files: all of a file, or nothing of it."""

from __future__ import annotations

import asyncio
from typing import Any

from costcenter.handlers.import_rows import KINDS, columns_of
from costcenter.handlers.structure import IMPORTING
from costcenter.testing.office import Office
from costcenter.testing.shop import problem
from events import AppendRequest, GiveBack, Take, input_hash


def files(office: Office) -> dict[str, str]:
    """A company with everything it needs."""
    group, company = office.group(2), f"f{office.prefix}"
    n = office.number
    return {
        "companies": (
            "company_id;name;address_1;postal_code;city;vat_id\n"
            f"{company};Muster & Söhne GmbH;Hauptstr. 1;10115;Berlin;DE123456789\n"
        ),
        "main-groups": f"main_group,name,company_id\n{group},Firma A,{company}\n",
        "user-groups": (
            f"main_group;user_group;name;mode\n{group};4;Kostenstellen;cost_center\n"
            f"{group};2;Mitarbeiter;prepaid\n"
        ),
        "centers": (
            "number;name;company_id;valid_until;blocked\n"
            f'{n("1")};"Empfang; Erdgeschoss";{company};31.12.2030;\n'
            f"{n('2')};Kantine;;;Umbau\n"
        ),
        "cards": (
            "number;kind;medium;code;main_group;user_group;center_number\n"
            f"{n('1')};virtual;;;{group};4;{n('1')}\n"
            f"{n('2')};physical;rfid;04:A2:{office.prefix}0:01;{group};4;{n('1')}\n"
            f"{n('3')};physical;qr;Ausweis-{n('3')};{group};2;\n"
        ),
    }


async def take_all(office: Office) -> None:
    for kind, text in files(office).items():
        answer = await office.take(kind, text)
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "completed"


async def facts(office: Office) -> int:
    return await office.shop.world.store.head()


async def test_a_company_with_centers_and_cards_is_taken_over(office: Office) -> None:
    await take_all(office)
    centers = (await office.get("/centers", company_id=f"f{office.prefix}"))["rows"]
    assert [(row["name"], row["valid_until"]) for row in centers] == [
        ("Empfang; Erdgeschoss", "2030-12-31")
    ]
    shown = await office.get(f"/centers/{centers[0]['center_id']}")
    assert [card["number"] for card in shown["cards"]] == [office.number("1"), office.number("2")]
    assert shown["center"]["company_name"] == "Muster & Söhne GmbH"
    assert shown["center"]["state"] == "usable"


async def test_an_imported_card_pays(office: Office) -> None:
    await take_all(office)
    card = {"code": f"04a2{office.prefix}001"}
    held = await office.shop.hold(f"h{office.prefix}", card, "9.80")
    assert held.status_code == 200, held.text
    assert held.json()["card_number"] == office.number("2")


async def test_importing_an_export_changes_nothing(office: Office) -> None:
    await take_all(office)
    before = await facts(office)
    exported = {kind: await office.export(kind) for kind in KINDS}
    for kind, text in exported.items():
        done = (await office.take(kind, text)).json()
        assert (done["state"], done["facts"]) == ("completed", 0), done
    assert await facts(office) == before
    assert {kind: await office.export(kind) for kind in KINDS} == exported


async def test_an_export_names_its_columns_and_no_code(office: Office) -> None:
    await take_all(office)
    for kind in KINDS:
        header = (await office.export(kind)).splitlines()[0]
        assert header == ";".join(columns_of(kind))
    assert f"Ausweis-{office.number('3')}" not in await office.export("cards")


async def test_one_bad_row_keeps_all_others_out(office: Office) -> None:
    await take_all(office)
    before, group = await facts(office), office.group(2)
    n = office.number
    text = (
        "number;kind;medium;code;main_group;user_group;center_number\n"
        f"{n('50')};virtual;;;{group};4;{n('1')}\n"
        f"{n('51')};virtual;;;{group};9;{n('1')}\n"
        f"{n('52')};virtual;;;{group};4;{n('999')}\n"
        f"{n('53')};physical;rfid;nonsense;{group};4;{n('1')}\n"
        f"{n('54')};physical;rfid;04:A2:{office.prefix}0:01;{group};4;{n('1')}\n"
        f"{n('50')};virtual;;;{group};4;{n('1')}\n"
        f"{n('55')};virtual;;;x;4\n"
        f"{n('56')};virtual;;;x;4;\n"
        f"{n('1')};physical;rfid;04:A2:{office.prefix}0:77;{group};4;{n('1')}\n"
    )
    refused = await office.take("cards", text)
    assert problem(refused) == (422, "import.refused")
    rows = {row["line"]: row for row in refused.json()["refused"]}
    assert {line: (row["column"], row["code"]) for line, row in rows.items()} == {
        3: (None, "user_group.unknown"),
        4: ("center_number", "center.unknown"),
        5: ("code", "card.code_fits"),
        6: (None, "card.code_taken"),
        7: ("number", "row.twice"),
        8: (None, "line.cells"),
        9: ("main_group", "cell.invalid"),
        10: ("kind", "card.reused"),
    }
    assert rows[7]["other_line"] == 2
    assert "nonsense" not in refused.text
    assert await facts(office) == before


async def test_a_dry_run_says_what_would_be_and_changes_nothing(office: Office) -> None:
    before = await facts(office)
    text = f"number;name\n{office.number('1')};Empfang\nKST-1;Empfang\n"
    report = (await office.take("centers", text, dry_run=True)).json()
    assert (report["state"], report["rows"], report["facts"]) == ("refused", 2, 1)
    assert [(row["line"], row["code"]) for row in report["refused"]] == [
        (3, "center.number_not_digits")
    ]
    assert await facts(office) == before


async def test_an_import_moves_regroups_and_blocks(office: Office) -> None:
    await take_all(office)
    n, group = office.number, office.group(2)
    text = (
        "number;main_group;user_group;center_number;blocked\n"
        f"{n('2')};{group};2;{n('2')};verloren\n"
    )
    done = (await office.take("cards", text)).json()
    # Regrouped, moved (on three sides) and blocked.
    assert (done["state"], done["facts"]) == ("completed", 5)
    rows = (await office.get("/cards", main_group=group, user_group=2))["rows"]
    assert {row["number"]: (row["center_number"], row["state"]) for row in rows} == {
        n("2"): (n("2"), "blocked"), n("3"): (None, "usable"),
    }  # fmt: skip


async def test_a_file_that_leaves_columns_out_leaves_them_as_they_are(office: Office) -> None:
    await take_all(office)
    text = f"number;name\n{office.number('1')};Pforte\n"
    assert (await office.take("centers", text)).json()["facts"] == 1
    (row,) = (await office.get("/centers", company_id=f"f{office.prefix}"))["rows"]
    assert (row["name"], row["valid_until"]) == ("Pforte", "2030-12-31")


async def test_nothing_else_changes_the_structure_while_an_import_runs(office: Office) -> None:
    store = office.shop.world.store

    async def claim(act: Any, key: str) -> None:
        key = f"{key}-{office.prefix}"
        await store.append(
            AppendRequest(key=key, input_hash=input_hash(key), claims=(act(IMPORTING, "import/x"),))
        )

    await claim(Take, "begin")
    body = {"number": office.number("1"), "name": "Empfang"}
    refused = await office.send("PUT", f"/centers/c{office.number('1')}", body)
    assert problem(refused) == (409, "import.running")
    waiting = asyncio.ensure_future(
        office.take("centers", f"number;name\n{office.number('2')};Empfang\n")
    )
    dry = await office.take("centers", f"number;name\n{office.number('3')};Pforte\n", dry_run=True)
    assert dry.json()["state"] == "checked"
    assert not waiting.done()
    await claim(GiveBack, "end")
    assert (await waiting).json()["state"] == "completed"
    await office.done("PUT", f"/centers/c{office.number('1')}", body)


async def test_the_same_request_is_one_import(office: Office) -> None:
    text = f"number;name\n{office.number('1')};Empfang\n".encode()
    key = f"import-{office.prefix}"
    answers = await asyncio.gather(
        *(office.send("POST", "/imports/centers", content=text, key=key) for _ in range(3))
    )
    ids = {answer.json()["import_id"] for answer in answers if answer.status_code == 202}
    assert len(ids) == 1
    again = await office.send("POST", "/imports/centers", content=text, key=key)
    assert again.json()["import_id"] in ids


async def test_any_bytes_lead_to_a_report(office: Office) -> None:
    for content in (
        b"",
        b"\xff\xfe\n",
        b"number\n",
        b'number;name\n"1;2\n',
        b"\n\n",
        b"x" * 99_999,
    ):
        refused = await office.send("POST", "/imports/centers", content=content)
        assert problem(refused) == (422, "import.refused"), content[:20]
        assert refused.json()["refused_count"] > 0


async def test_a_wrong_media_type_is_refused(office: Office) -> None:
    answer = await office.send("POST", "/imports/centers", content=b"x", media_type="text/html")
    assert problem(answer) == (415, "request.media_type")
