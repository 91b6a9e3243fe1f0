"""What is encrypted is opened by its key, for whom it was encrypted, and by nobody else."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from minizaps.credentials.keyring import Keyring, SecretKey, read_keys
from minizaps.credentials.open import drop_unused, open_keyring, rotating
from minizaps.errors import Conflict, CredentialUnusable, SettingsInvalid
from minizaps.settings import Settings


def ring(*keys: SecretKey) -> Keyring:
    return Keyring(lambda: keys)


def settings(folder: Path, **chosen: object) -> Settings:
    return Settings(data_dir=folder, _env_file=None, **chosen)  # type: ignore[arg-type]


def test_a_text_is_opened_for_its_owner_alone() -> None:
    keys = ring(SecretKey.new())
    sealed = keys.seal(b"secret", "owner-1")
    assert keys.open(sealed, "owner-1") == b"secret"
    with pytest.raises(CredentialUnusable, match="not as it was encrypted"):
        keys.open(sealed, "owner-2")


def test_the_same_text_is_never_encrypted_alike() -> None:
    keys = ring(SecretKey.new())
    assert len({keys.seal(b"secret", "owner") for _ in range(100)}) == 100


def test_a_changed_byte_is_noticed_wherever_it_is() -> None:
    keys = ring(SecretKey.new())
    sealed = keys.seal(b"secret", "owner")
    parts = sealed.split(".")
    for place in (2, 3):
        changed = list(parts)
        text = changed[place]
        changed[place] = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]
        with pytest.raises(CredentialUnusable):
            keys.open(".".join(changed), "owner")


def test_a_key_that_is_not_there_is_named() -> None:
    key = SecretKey.new()
    sealed = ring(key).seal(b"secret", "owner")
    with pytest.raises(CredentialUnusable, match=key.id):
        ring(SecretKey.new()).open(sealed, "owner")


def test_an_older_key_opens_and_the_first_one_seals() -> None:
    old, new = SecretKey.new(), SecretKey.new()
    sealed = ring(old).seal(b"secret", "owner")
    both = ring(new, old)
    assert both.open(sealed, "owner") == b"secret"
    anew = both.reseal(sealed, "owner")
    assert ring(new).open(anew, "owner") == b"secret"
    assert anew.split(".")[3] == sealed.split(".")[3], "only the data key is sealed anew"


def test_a_rotation_by_another_process_is_seen(tmp_path: Path) -> None:
    first = open_keyring(settings(tmp_path))
    second = open_keyring(settings(tmp_path))
    before = second.seal(b"before", "owner")
    with rotating(tmp_path / "secret.key"):
        pass
    after = second.seal(b"after", "owner")
    assert before.split(".")[1] != after.split(".")[1]
    assert first.open(after, "owner") == b"after"
    assert first.open(before, "owner") == b"before"


def test_a_rotation_that_dies_anywhere_takes_no_key_that_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    sealed = open_keyring(settings(tmp_path)).seal(b"secret", "owner")
    for _ in range(3):  # each dies before anything is encrypted anew
        with rotating(path):
            pass
    assert open_keyring(settings(tmp_path)).open(sealed, "owner") == b"secret"
    drop_unused(path, {sealed.split(".")[1]})
    assert open_keyring(settings(tmp_path)).open(sealed, "owner") == b"secret"
    assert len(path.read_text().split()) == 3
    drop_unused(path, set())
    assert len(path.read_text().split()) == 2


def test_of_two_rotations_at_once_one_is_refused(tmp_path: Path) -> None:
    open_keyring(settings(tmp_path))
    path = tmp_path / "secret.key"
    with rotating(path), pytest.raises(Conflict), rotating(path):
        pass


def test_the_data_folders_key_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    sealed = open_keyring(settings(tmp_path)).seal(b"secret", "owner")
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert open_keyring(settings(tmp_path)).open(sealed, "owner") == b"secret"
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_on_postgres_nothing_is_sealed_without_a_key(tmp_path: Path) -> None:
    keys = open_keyring(settings(tmp_path, database_url="postgresql://host/database"))
    with pytest.raises(SettingsInvalid, match="MINIZAPS_SECRET_KEY"):
        keys.seal(b"secret", "owner")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "says"),
    [("no base64!", "base64"), (b64encode(b"short").decode(), "32 bytes, not 5")],
)
def test_what_is_no_key_is_refused_without_being_shown(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(SettingsInvalid, match=says) as refused:
        open_keyring(settings(tmp_path, secret_key=text))
    assert text not in str(refused.value)
    (tmp_path / "keys").write_text(text)
    with pytest.raises(SettingsInvalid, match=says):
        open_keyring(settings(tmp_path, secret_key_file=tmp_path / "keys"))


def test_two_places_of_keys_are_refused(tmp_path: Path) -> None:
    key = SecretKey.new().text
    with pytest.raises(SettingsInvalid, match="not both"):
        open_keyring(settings(tmp_path, secret_key=key, secret_key_file=tmp_path / "keys"))


def test_several_keys_stand_in_one_setting() -> None:
    keys = [SecretKey.new(), SecretKey.new()]
    assert read_keys(f"{keys[0].text}, {keys[1].text}\n") == keys


def test_a_key_is_not_in_its_repr() -> None:
    key = SecretKey.new()
    assert key.text not in repr(key)
    assert repr(key.key) not in repr(key)
