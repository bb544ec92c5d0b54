# Reads the Node's metrics, and prints what they count since the last reading: one line in the embedded metric format, of
# which CloudWatch makes metrics. It needs a shell with wget, awk, head, timeout, date and sleep, such as busybox.

url=${NODE_METRICS_URL:?} prefix=${NODE_METRICS_PREFIX:?} deployment=${NODE_METRICS_DEPLOYMENT:?}
interval=${NODE_METRICS_INTERVAL:-60}

# Seconds that a response may take.
patience=$((interval / 4 + 3))
# More than the Node has, even with series for each of thousands of hosts. A line of this length fits into the memory.
most_bytes=4194304
# Comes after a response that has come whole. Without it, a number may lack its last digits.
whole="# This is all."
# What is known of the last reading: `name=total` of each count.
totals=
succeeded=$(date +%s) told=0

# Names are compared with those that Wallarm documents, and values have the form of a number: nothing else of what the Node
# responds gets any further. A label that is not known counts as `other` where a message was not taken.
program='
BEGIN {
  names = "seen.health seen.request seen.response seen.total processed.request processed.response"
  reasons = "rejected.host rejected.remote_address rejected.connector_info rejected.other"
  types = "errors.DroppedOnOverload errors.DuplicateReqId errors.MsgDataFormat errors.MsgpackDataFormat errors.MsgpackDecode" \
    " errors.NilBody errors.ReqBodyReading errors.RespBodyReading errors.other"
  count = split(names " " reasons " " types, all, " ")
  for (i = 1; i <= count; i++) known[all[i]] = 1
  groups["messages_seen_total"] = "seen type"
  groups["messages_processed_total"] = "processed type"
  groups["messages_rejected_total"] = "rejected reason"
  groups["errors_total"] = "errors type"
  prefix = prefix "_http_connector_server_"
  for (i = split(last, pairs, " "); i > 0; i--) { split(pairs[i], pair, "="); before[pair[1]] = pair[2] }
}
{ final = $0 }
index($0, prefix) == 1 {
  rest = substr($0, length(prefix) + 1)
  brace = index(rest, "{")
  name = substr(rest, 1, brace - 1)
  if (!(name in groups) || !match(rest, /} [0-9]+([.][0-9]+)?(e[+]?[0-9]+)?$/)) next
  number = substr(rest, RSTART + 2) + 0
  if (number > 1e15) next
  split(groups[name], group, " ")
  label = "other"
  if (match(rest, "[{,]" group[2] "=\"[A-Za-z_]+\"[,}]")) {
    label = substr(rest, RSTART, RLENGTH)
    gsub(/^[^"]*"|"[^"]*$/, "", label)
  }
  key = group[1] "." label
  if (!(key in known)) key = group[1] ".other"
  if (key in known) now[key] += number
}
# What was counted since the last reading. A Node that has started anew counts from zero.
function since(key) {
  return now[key] < before[key] + 0 ? now[key] : now[key] - before[key]
}
function member(name, value, form) {
  line = line sprintf(",\"%s\":" form, name, value)
}
function metric(name, value, unit, form) {
  metrics = metrics sprintf("%s{\"Name\":\"%s\",\"Unit\":\"%s\"}", metrics == "" ? "" : ",", name, unit)
  member(name, value, form)
}
# A metric that is not sent costs nothing, so that those of what goes wrong are sent only then.
function metric_of(name, value) {
  if (value > 0) metric(name, value, "Count", "%.0f")
}
# Each count of a group that is not zero, without the name of the group.
function details(name, keys, sum, n, i, list, parts) {
  n = split(keys, list, " ")
  for (i = 1; i <= n; i++) if (since(list[i]) > 0) {
    split(list[i], part, ".")
    parts = parts sprintf("%s\"%s\":%.0f", parts == "" ? "" : ",", part[2], since(list[i]))
    sum += since(list[i])
  }
  if (sum > 0) line = line sprintf(",\"%s\":{%s}", name, parts)
  return sum + 0
}
END {
  if (final != whole || !("seen.total" in now)) exit
  for (i = 1; i <= count; i++) {
    # A series that is missing has not changed.
    if (!(all[i] in now)) now[all[i]] = before[all[i]] + 0
    text = text sprintf(" %s=%.0f", all[i], now[all[i]])
  }
  print text
  # The first reading has nothing to be compared with.
  if (last == "") exit
  metric("MessagesSeen", since("seen.total"), "Count", "%.0f")
  metric("RequestsProcessed", since("processed.request"), "Count", "%.0f")
  metric("ResponsesProcessed", since("processed.response"), "Count", "%.0f")
  metric_of("RejectedByHost", since("rejected.host"))
  metric_of("RejectedByAddress", since("rejected.remote_address"))
  metric_of("RejectedOther", since("rejected.connector_info") + since("rejected.other"))
  rejected = details("rejected", reasons)
  errors = details("errors", types)
  metric_of("Errors", errors)
  processed = since("processed.request") + since("processed.response")
  if (rejected + errors > 0) metric("NotTakenPercent", 100 * (rejected + errors) / (rejected + errors + processed), "Percent", "%.1f")
  details("seen", "seen.health seen.request seen.response")
  printf "{\"_aws\":{\"Timestamp\":%s000,\"CloudWatchMetrics\":[{\"Namespace\":\"WallarmNode\",\"Dimensions\":[[\"deployment\"]],", time
  printf "\"Metrics\":[%s]}]},\"deployment\":\"%s\"%s}\n", metrics, deployment, line
}'

read_once() {
  now=$(date +%s)
  result=$(
    { timeout "$patience" wget -q -O - "$url" 2>/dev/null && printf '\n%s\n' "$whole"; } | head -c "$most_bytes" |
      awk -v prefix="$prefix" -v deployment="$deployment" -v time="$now" -v last="$totals" -v whole="$whole" "$program"
  )
  if [ -n "$result" ]; then
    totals=${result%%"
"*}
    [ "$result" = "$totals" ] || printf '%s\n' "${result#*"
"}"
    succeeded=$now
  # A Node that starts has some minutes, and the next line comes as much later.
  elif [ $((now - succeeded)) -ge $((5 * interval)) ] && [ $((now - told)) -ge $((5 * interval)) ]; then
    echo "No counts of messages at $url: the Node does not respond there, or names its metrics otherwise than ${prefix}_http_connector_server_*"
    told=$now
  fi
}

# ECS stops this container before the Node: what was counted last is still printed.
stop=
trap stop=yes TERM INT

while :; do
  read_once
  [ -z "$stop" ] || exit 0
  # The first reading is only compared with. It is to come before the Node is healthy, and gets messages.
  pause=$interval
  [ -n "$totals" ] || pause=$((interval / 12 + 1))
  sleep "$pause" >/dev/null 2>&1 &
  # A signal ends the wait.
  wait $!
done
