FROM local/sid
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null && install -d -o redis -g redis /data
COPY redis-entrypoint /entrypoint
WORKDIR /data
VOLUME /data
ENTRYPOINT ["/entrypoint"]
