#!/bin/sh
# Serve the example site with the environment's PYTHON on PORT, and say what to try there.
#
#   sh scripts/demo.sh PYTHON PORT
set -eu
python=$1 port=$2
"$python" -m flask --app examples/site/app.py demo-numbers || true
cat <<END

  Millbrook Astronomy Society, the example site:  http://127.0.0.1:$port

  Try this:
    1. Open it: a question, and (see the developer tools' network tab) nothing from anyone else.
    2. Reject all, then look at an event page: video and map stay closed until you press play.
    3. Change or take back, in the footer of every page: allow what you like, and only that runs.
    4. Switch JavaScript off and do it again.
    5. /archive/2009 has a tracker that somebody hard-coded long ago. It never loads.
    6. Log in as demo with saturn-rings: members see how the site is used, in made-up numbers at first.

  What was recorded, from another terminal:
    .venv-demo/bin/flask --app examples/site/app.py consent export --format ndjson
  Ctrl-C stops the site.

END
exec "$python" -m flask --app examples/site/app.py run --host 127.0.0.1 --port "$port"
