# What the client of docker-compose.yml runs: asks each host who it is and what runs there. Ends with 0 if all of them answered.
set -eu
for host in host-a host-b host-c; do
  echo "== $host"
  procwire --context "$host" agent info
  procwire --context "$host" ps
  procwire --context "$host" system --fields memory.total_bytes,memory.available_bytes,cgroup.memory.effective_limit_bytes -o json
done
