"""Every file under bad/ says on its first lines what must be said about it: line, path, message. All of it, no more."""

from pathlib import Path

import pytest

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
