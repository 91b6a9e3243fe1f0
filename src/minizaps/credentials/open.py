"""The keys, sources and types that the settings name."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
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
from minizaps.errors import Conflict, SettingsInvalid
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


@contextmanager
def rotating(path: Path) -> Iterator[None]:
    """Put a new key before those of a file; one rotation at a time.

    Raises:
        Conflict: another one is under way.
    """
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("the secret key is being rotated at this moment") from None
        write_key_file(path, [SecretKey.new(), *read_key_file(path)])
        yield


def drop_unused(path: Path, used: Collection[str]) -> None:
    """Take the keys out of a file that nothing needs any more.

    The one before the present one stays: another process may have used it a moment ago.
    """
    keys = read_key_file(path)
    older = [key for key in keys[2:] if key.id in used]
    write_key_file(path, [*keys[:2], *older])


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
