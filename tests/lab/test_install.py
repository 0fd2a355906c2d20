"""What is missing is named with its remedy; only that is installed, and what cannot be is listed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab import install, kafka_jars, programs

TOOLS = ("sh", "rm", "chmod", "cat", "env")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a shell, and an apt-get that records its words and cannot install `maven`."""
    for tool in TOOLS:
        real = next(Path(folder) / tool for folder in ("/usr/bin", "/bin") if (Path(folder) / tool).exists())
        (tmp_path / tool).symlink_to(real)
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/said\ncase " $* " in *" maven "*) exit 100;; esac\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    policy = str(tmp_path / "policy-rc.d")
    monkeypatch.setattr(install, "_SCRIPT", install._SCRIPT.replace("/usr/sbin/policy-rc.d", policy))
    return tmp_path


def test_each_missing_package_is_asked_for_once_and_one_bad_package_keeps_none_from_the_rest(bare, capsys) -> None:
    assert install.main(["redis", "kafka"]) == 0
    update, together, *singly = (bare / "said").read_text().splitlines()
    assert update.startswith("update")
    expected = ["redis-server", "redis-tools", "openssl", "openjdk-17-jre-headless", "maven"]
    assert together.split()[-5:] == expected
    assert [line.split()[-1] for line in singly] == expected
    printed = capsys.readouterr().out
    assert "missing: mvn is not installed: apt-get install maven" in printed
    assert "missing: Kafka's jars, which need java and mvn first" in printed
    assert not (bare / "policy-rc.d").exists()


def test_services_are_kept_from_starting_and_an_owners_policy_is_left_alone(bare) -> None:
    (bare / "apt-get").write_text(f"#!/bin/sh\ncat {bare}/policy-rc.d >>{bare}/seen 2>&1\n")
    install.main(["build"])
    assert (bare / "seen").read_text().count("exit 101") == 2
    (bare / "policy-rc.d").write_text("#!/bin/sh\nexit 104\n")
    install.main(["build"])
    assert (bare / "policy-rc.d").read_text() == "#!/bin/sh\nexit 104\n"


def test_without_root_or_sudo_it_says_exactly_what_to_run(bare, monkeypatch, capsys) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert install.main(["alertmanager"]) == 0
    assert f"sudo {install._APT} prometheus-alertmanager\n" in capsys.readouterr().out
    assert not (bare / "said").exists()


def test_without_apt_get_it_names_the_packages(bare, capsys) -> None:
    (bare / "apt-get").unlink()
    assert install.main(["redis"]) == 0
    assert "own package manager: redis-server redis-tools openssl" in capsys.readouterr().out


def test_check_installs_and_fetches_nothing(bare, capsys) -> None:
    assert install.main(["--check", "kafka"]) == 0
    assert "missing: java is not installed: apt-get install openjdk-17-jre-headless" in capsys.readouterr().out
    assert not (bare / "said").exists()
    assert not kafka_jars.cache_directory().exists()


def test_an_unknown_group_is_refused(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        install.main(["mysql"])
    assert "no such group: mysql" in capsys.readouterr().err


def test_every_group_names_known_programs() -> None:
    assert {name for group in install.GROUPS.values() for name in group} <= set(programs.PROGRAMS)


def test_the_switch_turns_a_skip_into_a_failure(bare, start, monkeypatch) -> None:
    from lab.redis import RedisStandalone

    monkeypatch.delenv(programs.REQUIRE_SWITCH, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install redis"):
        start(RedisStandalone())
    monkeypatch.setenv(programs.REQUIRE_SWITCH, "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install redis"):
        start(RedisStandalone())
