#!/bin/sh
# Make .venv from requirements.lock, hashes checked, with dopafit itself installed in place.
# The Makefile calls this; it may be run again at any time. PYTHON=... chooses the Python.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1

say() { printf '==> %s\n' "$*"; }
stop() { printf '\ndopafit: %s\n' "$1" >&2; shift; printf '  %s\n' "$@" >&2; exit 1; }

# --- a Python that is new enough --------------------------------------------------------------
version_of='import sys; print("%d.%d.%d" % sys.version_info[:3]); sys.exit(sys.version_info < (3, 12))'
found=''
python=''
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON" # a choice is a choice: no other one is taken in its place
else
    set -- python3 python3.13 python3.12
fi
for candidate in "$@"; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    if version=$("$candidate" -c "$version_of" 2>/dev/null); then
        python=$candidate
        break
    fi
    found="$found$candidate (${version:-does not run}), "
done
if [ -z "$python" ] && [ -n "${PYTHON:-}" ]; then
    stop "PYTHON=$PYTHON cannot be used." \
        "found:   ${found:-nothing at that place, }" \
        "needed:  Python 3.12 or newer" \
        "to do:   give another PYTHON=..., or leave it out to have one looked for"
elif [ -z "$python" ]; then
    stop "no Python that is new enough." \
        "found:   ${found:-no python3, python3.13 or python3.12 on the PATH, }" \
        "needed:  Python 3.12 or newer" \
        "to do:   install one from python.org or your package manager and try again, or," \
        "         if you have one elsewhere:  make PYTHON=/path/to/python3 demo"
fi

# --- an empty environment ---------------------------------------------------------------------
# The stamp goes first: whatever happens below, a half-made environment is never called ready.
rm -f .venv/.ready
standing=$(.venv/bin/python -c "$version_of" 2>/dev/null) || standing=''
if [ -z "$standing" ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1 ||
    { [ -n "${PYTHON:-}" ] && [ "$standing" != "$version" ]; }; then
    say "making .venv with $python ($version)"
    "$python" -m venv --clear .venv ||
        stop "the virtual environment could not be made with $python ($version)." \
            "needed:  the venv module and a folder that can be written to" \
            "to do:   on Debian or Ubuntu: apt install python3-venv; elsewhere try PYTHON=..."
fi

# --- the packages -----------------------------------------------------------------------------
no_download() {
    stop "the packages could not be installed." \
        "found:   the message above; often: no network, a proxy, or a mirror without a package" \
        "needed:  the packages in requirements.lock, exactly (their hashes are checked)" \
        "to do:   behind a proxy set HTTPS_PROXY=http://host:port; with a mirror set" \
        "         PIP_INDEX_URL and UV_DEFAULT_INDEX to its address; then try again:  make env" \
        "         Nothing is lost: what was downloaded is kept by the tools' caches."
}

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

# `--python` because a virtual environment that happens to be active must not be touched
uv_pip() { verb=$1; shift; .venv/bin/uv pip "$verb" --python .venv/bin/python "$@"; }

if [ ! -x .venv/bin/uv ]; then
    say "fetching uv, which installs the rest quickly"
    sed -n '/^uv==/,/^[^ u]/{/^[^ u]/!p;}' requirements.lock >.venv/uv.txt
    # silent: where it fails, pip says below what is wrong
    pip install --quiet --require-hashes --no-deps -r .venv/uv.txt 2>/dev/null ||
        say "uv could not be installed; going on with pip"
fi

say "installing the packages of requirements.lock (about 1 GB on disk; some minutes once)"
if [ ! -x .venv/bin/uv ] || {
    # bytecode now, as pip does it: else the first start compiles nine thousand files, or, where
    # PYTHONDONTWRITEBYTECODE is set, every start
    ! uv_pip sync --require-hashes --compile-bytecode requirements.lock &&
        say "uv did not get through; trying pip"
}; then
    pip install --require-hashes --no-deps -r requirements.lock || no_download
fi

say "installing dopafit in place"
pip install --quiet --no-build-isolation --no-deps -e . ||
    stop "dopafit itself could not be installed in place." \
        "found:   the message above; the packages are all there" \
        "needed:  a pyproject.toml that can be read, and a folder that can be written to" \
        "to do:   undo changes to pyproject.toml, or make clean, and try again:  make env"

pwd -P >.venv/.ready
say "the environment is ready"
