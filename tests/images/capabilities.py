"""How the containers of the tests are started: with as little as the documentation promises."""

OPTIONS = ("--read-only", "--tmpfs=/tmp", "--tmpfs=/run", "--security-opt=no-new-privileges")
