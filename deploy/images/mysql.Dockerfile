FROM local/sid
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mysql-server >/dev/null
RUN rm -rf /var/lib/mysql && install -d -o mysql -g mysql /var/lib/mysql /var/run/mysqld /init
COPY mysql-entrypoint /entrypoint
VOLUME /var/lib/mysql
ENTRYPOINT ["/entrypoint"]
