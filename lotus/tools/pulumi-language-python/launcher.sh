#!/bin/sh
# pulumi's engine starts this as its Python language host, in the project's folder. The host itself, beside this file,
# ignores `virtualenv:` of Pulumi.yaml and runs the first python on PATH: so the environment comes first on PATH here.
virtualenv=$(sed -n 's/^ *virtualenv: *//p' Pulumi.yaml 2>/dev/null | sed "s/ *#.*//; s/[\"']//g; s/ *\$//" | head -n 1)
if [ -n "$virtualenv" ] && [ -x "$virtualenv/bin/python" ]; then
    VIRTUAL_ENV=$(CDPATH='' cd -- "$virtualenv" && pwd)
    PATH=$VIRTUAL_ENV/bin:$PATH
    export VIRTUAL_ENV PATH
fi
exec "$(dirname -- "$0")/pulumi-language-python-host" "$@"
