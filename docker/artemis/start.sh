#!/usr/bin/env bash
# Entry point of Artemis in compose.artemis.yaml. The image's own one takes the password from the environment and prints it; here all accounts
# come from a secret file, at each start, and none of them is on a command line.
set -euo pipefail
home="${ARTEMIS_HOME:-/opt/activemq-artemis}"
instance="${ARTEMIS_INSTANCE:-/var/lib/artemis-instance}"
accounts="${ARTEMIS_ACCOUNTS:-/run/secrets/artemis-accounts}"

if [ ! -f "$instance/etc/broker.xml" ]; then
  # `create` wants an account, which the files below replace before the broker starts.
  "$home/bin/artemis" create "$instance" --silent --user unused --password unused --require-login --role amq \
    --host 0.0.0.0 --no-web --nio --no-autotune --no-hornetq-acceptor
fi

cp "$accounts" "$instance/etc/artemis-users.properties"
# Every account of the file gets the one role, which may do everything: narrow it in etc/broker.xml.
names="$(sed -n 's/^[[:space:]]*\([^#!=[:space:]][^=[:space:]]*\)[[:space:]]*=.*/\1/p' "$accounts" | paste -sd, -)"
echo "amq = $names" > "$instance/etc/artemis-roles.properties"

# In place of the shell: SIGTERM reaches the broker.
exec "$instance/bin/artemis" run
