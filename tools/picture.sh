#!/bin/sh
# The README's picture: the first screen of a run's report, as a browser shows it.
#   sh tools/picture.sh runs/cue-pursuit docs/first-screen.png
set -eu
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo 'no Chromium found: install the package chromium' >&2
  exit 1
}
page=$(cd "$1" && pwd -P)/report.html
[ -f "$page" ] || { echo "$page is missing: dopafit run makes it" >&2; exit 1; }
"$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
  --window-size=1280,1120 --screenshot="$2" "file://$page" >/dev/null 2>&1
echo "$2"
