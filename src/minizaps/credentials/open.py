"""The keys, sources and types that the settings name."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path

from minizaps.credentials.keyring import (
    FILE,
    Keyring,
    SecretKey,
    read_key_file,
    read_keys,
    write_key_file,
)
from minizaps.credentials.references import Sources
from minizaps.errors import SettingsInvalid
from minizaps.settings import Settings


def open_keyring(settings: Settings) -> Keyring:
    """The secret keys of this process.

    On SQLite, where no setting names one, the data folder has a key of its own. Processes on
    Postgres may run on several machines: they have the key that the settings name, or none.

    Raises:
        SettingsInvalid: what is there is no key.
    """
    text = settings.secret_key.get_secret_value()
    if text and settings.secret_key_file is not None:
        raise SettingsInvalid("set MINIZAPS_SECRET_KEY or MINIZAPS_SECRET_KEY_FILE, not both")
    if text:
        try:
            keys = read_keys(text)
        except ValueError as error:
            raise SettingsInvalid(f"MINIZAPS_SECRET_KEY: {error}") from None
        return Keyring(lambda: keys)
    if settings.secret_key_file is not None:
        return Keyring(partial(read_key_file, settings.secret_key_file))
    if (own := own_key_file(settings)) is None:
        return Keyring(list)
    _make_once(own)
    return Keyring(partial(read_key_file, own))


def own_key_file(settings: Settings) -> Path | None:
    """The key file in the data folder, where that is the one."""
    named = settings.secret_key.get_secret_value() or settings.secret_key_file
    return None if named or settings.database_path is None else settings.data_dir / FILE


def rotate_own_key(path: Path) -> None:
    """Put a new key before the present one; older ones are dropped.

    What was encrypted under the present one at this moment stays readable, also where another
    process does so before it has seen the new one.
    """
    write_key_file(path, [SecretKey.new(), read_key_file(path)[0]])


def sources_of(settings: Settings) -> Sources:
    """The secrets of the server that credentials may refer to."""
    return Sources(settings.credential_env, settings.credential_folders)


def _make_once(path: Path) -> None:
    """Make a key file; of several processes that start at once, the first one's stays."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    write_key_file(draft, [SecretKey.new()])
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink(missing_ok=True)
