# What the client of docker-compose.yml runs: asks each host who it is, what runs there and how much memory there is. Ends with 0 if all
# of them answered.
set -eu
for host in host-a host-b host-c; do
  echo "== $host"
  procwire --context "$host" agent info
  echo
  procwire --context "$host" ps
  echo
  procwire --context "$host" free
  echo
done
