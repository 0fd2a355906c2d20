"""Costs of clusters from OpenCost, and bills from the files of an export job, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackledger.cli import main
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pulls.runner import Pulls
from tests.integration.ledger.pulling import Calendar, lines, pulled, settings
from tests.integration.ledger.vendor import Vendor

HEAD = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargePeriodStart,"
    "ChargePeriodEnd,ProviderName,ServiceCategory,SkuId\n"
)


def cluster(vendor: Vendor, day: date, **more: Any) -> None:
    vendor.clusters[day] = {
        "prod/shop/search": {"totalCost": 3.25, "sharedCost": 0.25},
        "prod/shop/__unallocated__": {"totalCost": 1.5},
        "prod/kube-system/__unallocated__": {"totalCost": 0.5},
        "prod/__idle__": {"totalCost": 2.125},
        "prod/empty/search": {"totalCost": 0},
    } | more


def test_a_clusters_cost_is_infrastructure_with_idle_and_shared_parts_apart(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], clock: Calendar, tmp_path: Path
) -> None:
    for n in range(5):
        cluster(vendor, date(2026, 10, 29) + timedelta(days=n))
    one = pulls(
        settings(vendor, "opencost", tmp_path, team_label="team", shared_namespaces=("kube-system",), first_days=4)
    )
    found = pulled(one, "opencost")
    assert [part.added for part in found.deliveries] == [5, 5, 5, 5]
    assert lines(engine) == []  # never a bill of models
    stored = lines(engine, "infrastructure")
    assert {line.sku: line.billed for line in stored} == {
        "allocated shop/search": 3 * 10**12, "shared shop/search": 25 * 10**10, "allocated shop/-": 15 * 10**11,
        "shared kube-system/-": 5 * 10**11, "idle": 2_125 * 10**9,
    }  # fmt: skip
    assert {(line.account, line.provider, line.source) for line in stored} == {
        ("prod", "opencost", "opencost/opencost")
    }
    assert dict(vendor.asked[0][1])["aggregate"] == "cluster,namespace,label:team"

    # a day later the last days are asked again; older ones, which OpenCost has forgotten, stay
    clock.at += timedelta(days=1)
    vendor.clusters.clear()
    cluster(vendor, date(2026, 11, 2), **{"prod/shop/search": {"totalCost": 4}})
    cluster(vendor, date(2026, 11, 3))
    found = pulled(one, "opencost")
    assert [(str(part.first), part.added, part.replaced) for part in found.deliveries] == [
        ("2026-10-31", 0, 0), ("2026-11-01", 0, 0), ("2026-11-02", 1, 2), ("2026-11-03", 5, 0),
    ]  # fmt: skip
    assert len(lines(engine, "infrastructure")) == 5 * 5 - 1


@pytest.mark.parametrize("wrong", [None, "NaN", -0.01])
def test_a_day_that_opencost_could_not_work_out_is_refused_and_others_are_taken(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], tmp_path: Path, wrong: Any
) -> None:
    cluster(vendor, date(2026, 11, 1), **{"prod/shop/search": {"totalCost": wrong}})
    cluster(vendor, date(2026, 11, 2))
    one = pulls(settings(vendor, "opencost", tmp_path, team_label="team", first_days=2))
    refused = pulled(one, "opencost", well=False)
    assert refused.reason == "protocol"
    assert "prod/shop/search on 2026-11-01: totalCost is" in refused.failure
    assert [str(part.first) for part in refused.deliveries] == ["2026-11-02"]
    assert one.statuses()[0].success_s is None
    cluster(vendor, date(2026, 11, 1))
    assert [part.added for part in pulled(one, "opencost").deliveries] == [5, 0]


def test_a_day_that_cannot_be_read_has_no_older_day_replaced_by_what_is_left_of_it(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], clock: Calendar, tmp_path: Path
) -> None:
    for n in range(5):
        cluster(vendor, date(2026, 10, 30) + timedelta(days=n))
    one = pulls(settings(vendor, "opencost", tmp_path, team_label="team", first_days=4))
    pulled(one, "opencost")
    clock.at += timedelta(days=1)
    cluster(vendor, date(2026, 11, 3), **{"prod/shop/search": {"totalCost": "NaN"}})
    assert "on 2026-11-03: totalCost is" in pulled(one, "opencost", well=False).failure
    before = lines(engine, "infrastructure")

    clock.at += timedelta(days=14)
    for n in range(4):
        vendor.clusters[date(2026, 10, 30) + timedelta(days=n)] = {"prod/shop/search": {"totalCost": 0.25}}
    cluster(vendor, date(2026, 11, 4))
    refused = pulled(one, "opencost", well=False)
    assert "on 2026-11-03: totalCost is" in refused.failure
    assert str(refused.deliveries[0].first) == "2026-11-04"
    assert set(before) < set(lines(engine, "infrastructure"))
    cluster(vendor, date(2026, 11, 3))
    assert str(pulled(one, "opencost").deliveries[0].first) == "2026-11-03"
    assert set(before) < set(lines(engine, "infrastructure"))
    # who asks for a day gets it as it is told now
    (asked,) = pulled(one, "opencost", first=date(2026, 11, 1), last=date(2026, 11, 1)).deliveries
    assert (asked.added, asked.replaced) == (1, 5)


def focus_file(path: Path, *amounts: str, month: int = 10) -> None:
    period = f"2026-{month:02d}-01T00:00:00Z,2026-{month + 1:02d}-01T00:00:00Z"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        HEAD
        + "".join(
            f"{amount},111,USD,{period},Usage,2026-{month:02d}-02T00:00:00Z,2026-{month:02d}-03T00:00:00Z,AWS,Compute,"
            f"{path.stem}-{n}\n"
            for n, amount in enumerate(amounts)
        )
    )


def test_files_of_an_export_are_read_again_when_one_changed(
    engine: Engine, pulls: Callable[..., Pulls], clock: Calendar, tmp_path: Path
) -> None:
    clock.at = datetime.now(UTC) + timedelta(hours=1)
    one = pulls(settings(None, "focus", tmp_path, files=str(tmp_path / "exports" / "**" / "*.csv")))
    assert "has the export job run" in pulled(one, "focus", well=False).failure
    (tmp_path / "exports").mkdir()
    focus_file(tmp_path / "exports" / "october" / "part-1.csv", "1", "2")
    focus_file(tmp_path / "exports" / "october" / "part-2.csv", "4")
    focus_file(tmp_path / "exports" / "september" / "part-1.csv", "8", month=9)
    done = pulled(one, "focus").deliveries[0]
    assert (done.added, str(done.first), str(done.last)) == (4, "2026-09-02", "2026-10-02")  # the days of the lines
    assert pulled(one, "focus").nothing_new
    after = pulls(settings(None, "focus", tmp_path, files=str(tmp_path / "exports" / "**" / "*.csv")))
    assert pulled(after, "focus").nothing_new  # also after a restart
    focus_file(tmp_path / "exports" / "october" / "part-2.csv", "5")
    clock.at = datetime.now(UTC)
    assert "is being written" in pulled(one, "focus", well=False).failure
    clock.at += timedelta(hours=1)
    done = pulled(one, "focus").deliveries[0]
    assert (done.added, done.unchanged, done.replaced) == (1, 3, 1)
    assert sum(line.billed for line in lines(engine, "infrastructure")) == 16 * 10**12
    focus_file(tmp_path / "exports" / "october" / "part-2.csv", "5,5")
    wrong = pulled(one, "focus", well=False)
    assert (wrong.reason, "part-2.csv" in wrong.failure) == ("protocol", True)
    assert sum(line.billed for line in lines(engine, "infrastructure")) == 16 * 10**12


def test_two_pulls_of_one_billing_account_are_two_sources(
    engine: Engine, pulls: Callable[..., Pulls], clock: Calendar, tmp_path: Path
) -> None:
    clock.at = datetime.now(UTC) + timedelta(hours=1)
    focus_file(tmp_path / "east" / "october.csv", "700")
    focus_file(tmp_path / "west" / "october.csv", "300")
    names = ("east", "west")
    one = pulls(*(settings(None, "focus", tmp_path, name=name, files=str(tmp_path / name / "*.csv")) for name in names))
    for name in names:
        assert pulled(one, name).deliveries[0].added == 1
    assert [(line.source, line.billed // 10**12) for line in lines(engine, "infrastructure")] == [
        ("focus/east", 700), ("focus/west", 300),
    ]  # fmt: skip


def test_sources_that_are_files_are_left_out_where_days_are_given(
    vendor: Vendor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster(vendor, date(2026, 10, 1))
    config = tmp_path / "stackledger.yaml"
    days = ("--from", "2026-10-01", "--to", "2026-10-01")

    def pull(*sources: dict[str, str]) -> tuple[int, str, str]:
        root = {"version": 1, "data_dir": "data", "costs": {"pulls": list(sources)}}
        config.write_text(yaml.safe_dump(root))
        code = main(["costs", "pull", "--config", str(config), *days])
        return code, *capsys.readouterr()

    files = {"name": "aws", "vendor": "focus", "files": "exports/*.csv"}
    code, out, err = pull(files, {"name": "prod", "vendor": "opencost", "url": vendor.address})
    assert (code, "prod: 2026-10-01 to 2026-10-01: 7.38 USD" in out) == (0, True), (out, err)
    assert "Left out: aws" in err
    code, out, err = pull(files)
    assert (code, out) == (2, "")
    assert "leave --from and --to out" in err
