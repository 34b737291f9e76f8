#!/bin/sh
# Says that it is there, serves /www and logs each request; ends at once when it is stopped.
trap 'kill $server; exit 0' TERM INT
httpd -f -vv -p 8080 -h /www &
server=$!
echo "listening on port 8080"
wait $server
