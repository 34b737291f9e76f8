#!/bin/sh
# Says that it is there, then serves /www and logs each request.
echo "listening on port 8080"
exec httpd -f -vv -p 8080 -h /www
