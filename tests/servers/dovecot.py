"""A real IMAP server for tests, with one mailbox for each user name."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from pathlib import Path

from tests.servers.daemon import Daemon
from tests.servers.places import free_port
from tests.servers.rabbitmq import is_open

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
PASSWORD = "canary-right"
CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
disable_plaintext_auth = no
auth_failure_delay = 0
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:~/mail
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


def find_dovecot() -> Path | None:
    """The program, if it is installed with its IMAP part."""
    found = shutil.which("dovecot", path=PATH)
    return Path(found) if found and Path("/usr/lib/dovecot/imap-login").exists() else None


class DovecotServer(Daemon):
    """One server; STARTTLS on `port`, TLS on `tls_port`. All users have the same password."""

    def __init__(self, certificate: Path, key: Path) -> None:
        program = find_dovecot()
        if program is None:
            raise FileNotFoundError("no dovecot")
        self._program = program
        super().__init__("dovecot")
        self.tls_port = free_port()
        user = pwd.getpwuid(self._user["user"] if self._user else os.geteuid())
        own_key = Path(shutil.copy(key, self.folder / "key.pem"))
        own_key.chmod(0o600)
        os.chown(own_key, user.pw_uid, user.pw_gid)
        (self.folder / "dovecot.conf").write_text(
            CONFIG.format(
                folder=self.folder,
                user=user.pw_name,
                group=grp.getgrgid(user.pw_gid).gr_name,
                certificate=certificate,
                key=own_key,
                password=PASSWORD,
                port=self.port,
                tls_port=self.tls_port,
            )
        )

    @property
    def url(self) -> str:
        return f"imap://127.0.0.1:{self.port}"

    async def flush(self) -> None:
        shutil.rmtree(self.folder / "home", ignore_errors=True)

    async def forget(self) -> None:
        await self.flush()

    def _command(self) -> tuple[list[str | Path], dict[str, str]]:
        return [self._program, "-F", "-c", self.folder / "dovecot.conf"], {"PATH": PATH}

    def _is_ready(self) -> bool:
        return is_open(self.port, b"a NOOP\r\n")
