"""Every file under bad/ says on its first lines what must be said about it: line, path, message. All of it, no more."""

import gc
from pathlib import Path

import pytest
import yaml

from stackledger.config import load
from stackledger.errors import ConfigError

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
SECRET = "hunter2"  # noqa: S105 - stands in one of the files, to see that it is not repeated


def expected(path: Path) -> set[str]:
    lines = path.read_text().splitlines()
    return {line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")}


def said(error: ConfigError) -> set[str]:
    return {f"{m.line}: " + ": ".join(part for part in (m.path, m.message) if part) for m in error.mistakes}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_mistake_is_told_with_its_place(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert said(caught.value) == expected(path)
    assert {mistake.file for mistake in caught.value.mistakes} == {str(path)}
    assert SECRET not in str(caught.value)


def test_mistakes_of_all_sections_and_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text('version: 2\ninclude: ["parts/*.yaml"]\nregion: a\n')
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.yaml").write_text("integrations:\n  redis: {interval_seconds: 0}\n")
    (tmp_path / "parts" / "b.yaml").write_text("region: b\nhttp: {listne: x}\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "main.yaml")
    places = {(Path(m.file).name, m.line, m.path) for m in caught.value.mistakes}
    assert places == {
        ("main.yaml", 1, "version"),
        ("a.yaml", 2, "integrations.redis.interval_seconds"),
        ("b.yaml", 1, "region"),
        ("b.yaml", 2, "http.listne"),
    }
    assert "main.yaml:3" in str(caught.value), "the first place of what is given twice is named"


def test_included_lists_join_and_sections_merge(tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text(
        'version: 1\ninclude: [more.yaml]\nintegrations:\n  redis: {targets: [{name: a, seeds: ["a:1"]}]}\n'
    )
    (tmp_path / "more.yaml").write_text('integrations:\n  redis: {targets: [{name: b, seeds: ["b:1"]}]}\n')
    configuration = load(tmp_path / "main.yaml")
    ((integration, section),) = configuration.sections()
    assert integration.name == "redis"
    assert [target.name for target in section.targets] == ["a", "b"]


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_secret_paths_start_at_the_configuration_file(tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text(
        'version: 1\nintegrations: {redis: {targets: [{name: a, seeds: ["a:1"], password: {file: secrets/redis}}]}}\n'
    )
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "redis").write_text("hunter2\n")
    ((_, section),) = load(tmp_path / "main.yaml").sections()
    password = section.targets[0].password
    assert password.read() == "hunter2"
    assert "hunter2" not in repr(password)


def test_reading_again_and_again_keeps_nothing(tmp_path: Path) -> None:
    """A service reloads for years: what one reading composed must be gone after it."""
    (tmp_path / "main.yaml").write_text("version: 1\norganisation: somebody\nregion: eu\n")
    for _ in range(3):
        load(tmp_path / "main.yaml")
    gc.collect()
    assert [one for one in gc.get_objects() if isinstance(one, yaml.Node)] == []


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (tmp_path / "main.yaml").write_text("version: 1\nl0: &l0 [x]\n" + levels)
    with pytest.raises(ConfigError, match="more than 500000 values"):
        load(tmp_path / "main.yaml")


@pytest.mark.parametrize("text", ["version: =\n", "version: <<\n", "<<: {version: 1}\n", "version: !!int ''\n"])
def test_odd_values_are_mistakes_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "main.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "main.yaml")
    assert {mistake.line for mistake in caught.value.mistakes} == {1}


def test_a_server_certificate_may_ask_for_those_of_clients(tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text(
        "version: 1\nhttp: {tls: {cert_file: own.pem, key_file: own.key, client_ca_file: /etc/clients.pem}}\n"
        "prometheus: {cert_file: /etc/prometheus/own.pem, key_file: /etc/prometheus/own.key}\n"
    )
    tls = load(tmp_path / "main.yaml").root.http.tls
    assert tls is not None
    assert (tls.cert_file, tls.key_file) == (tmp_path / "own.pem", tmp_path / "own.key")
    assert tls.client_ca_file == Path("/etc/clients.pem")


@pytest.mark.parametrize("listen", ["0.0.0.0:9877", "[::]:9877", "[::ffff:0.0.0.0]:9877", "[0::0]:9877"])
def test_every_address_of_a_machine_is_none_to_link_to(tmp_path: Path, listen: str) -> None:
    head = f'version: 1\nhttp: {{listen: "{listen}", anonymous: [read]}}\n'
    both = (
        "prometheus: {scrape_address: 'a.example.com:9877'}\nlinks: {runbook_url: 'https://a.example.com/runbooks'}\n"
    )
    (tmp_path / "main.yaml").write_text(head)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "main.yaml")
    assert [(mistake.line, mistake.path) for mistake in caught.value.mistakes] == [(2, "http.listen")] * 2
    (tmp_path / "main.yaml").write_text(head + both)
    assert load(tmp_path / "main.yaml").root.http.is_wildcard


@pytest.mark.parametrize("hold", ["5m", "1h30m", "0s", "1y2w3d4h5m6s7ms", "90m"])
def test_durations_of_prometheus_are_accepted(tmp_path: Path, hold: str) -> None:
    text = f"version: 1\nalerts: {{overrides: [{{alert: CannotSeeTarget, hold: {hold}}}]}}\n"
    (tmp_path / "main.yaml").write_text(text)
    assert load(tmp_path / "main.yaml").root.alerts.overrides[0].hold == hold


def test_settings_of_targets_to_be_found_are_accepted_as_for_others(tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text(
        "version: 1\nintegrations:\n  redis:\n    discover:\n"
        "      - {kind: dns, name: r.example.com, port: 6379, target: {name: mine, password: {file: secret}}}\n"
        "      - {kind: file, files: ['*.json']}\n"
    )
    ((_, section),) = load(tmp_path / "main.yaml").sections()
    assert len(section.discover) == 2
