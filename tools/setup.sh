# Sourced by tools/demo and tools/check: makes .venv and installs what they need.
# shellcheck shell=bash

debian_libraries=(libgl1 libglib2.0-0 libegl1 libx11-6 libusb-1.0-0 libgomp1
  libegl-mesa0 libgl1-mesa-dri)

# Prints those of the given Debian packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      printf '%s\n' "$package"
  done
}

# OpenCV needs the first two, Open3D and its drawing without a display the others.
install_debian_libraries() {
  command -v dpkg-query >/dev/null || return 0
  local missing
  mapfile -t missing < <(missing_packages "${debian_libraries[@]}" "$@")
  ((${#missing[@]})) || return 0
  if [[ $(id -u) == 0 ]]; then
    echo "Installing Debian packages: ${missing[*]}"
    apt-get update -qq &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null && return 0
    echo "Could not install them; going on without." >&2
  fi
  {
    echo "Missing Debian packages: ${missing[*]}"
    echo "  install them with: sudo apt-get install ${missing[*]}"
    echo "  OpenCV (all of kpcomplete's video reading) needs libgl1 and libglib2.0-0;"
    echo "  the rest is for Open3D, without which only 3D drawing fails."
  } >&2
}

# Makes .venv if need be, and installs kpcomplete with the given extras, e.g. '[test]'.
# A stamp of pyproject.toml makes later runs skip this.
setup_environment() {
  local extras=${1:-} stamp python=${PYTHON:-python3} venv_package=()
  "$python" -c 'import ensurepip' 2>/dev/null || venv_package=(python3-venv)
  [[ -x .venv/bin/python ]] && venv_package=()
  install_debian_libraries "${venv_package[@]}"
  if [[ ! -x .venv/bin/python ]]; then
    "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' || {
      echo "kpcomplete needs Python 3.10 to 3.12, but $python is" \
        "$("$python" -V); name another with PYTHON=…" >&2
      return 1
    }
    "$python" -m venv .venv
  fi
  stamp=".venv/.installed-$( (cat pyproject.toml && pwd && echo "$extras") | sha256sum | cut -c1-16)"
  [[ -e $stamp ]] && return 0
  echo "Installing kpcomplete$extras into .venv (some minutes the first time)"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".$extras"
  touch "$stamp"
}
