#!/usr/bin/env bash
# Prove that compose.yaml works: an engine, every part, a pipeline that ends in success.
#
# For a machine that reaches Debian's packages but no registry of images: as root it installs an
# engine, makes the base images locally (debootstrap) and names them like the public ones. It uses a
# folder and an engine of its own, both gone at the end; the installed packages and the engine's packet
# filter rules stay.
#
#   deploy/prove-compose.sh              takes about 15 minutes and 6 GB
#   KEEP=1 deploy/prove-compose.sh       leaves the folder, for a quicker second run
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${ANSFLOW_PROVE_FOLDER:-/var/tmp/ansflow-prove}
project=ansflow-prove
export DOCKER_HOST=unix://$folder/docker.sock DOCKER_BUILDKIT=0
export ANSFLOW_PUBLISH=127.0.0.1:18000 ANSFLOW_PUBLISH_MANAGEMENT=127.0.0.1:18672

say() { printf '── %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "This needs root: it starts a container engine."
command -v apt-get >/dev/null || fail "This needs Debian: it makes images from Debian's packages."

secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
ANSFLOW_SECURITY__SECRET_KEY=$(secret)
ANSFLOW_MYSQL_PASSWORD=$(secret)
ANSFLOW_RABBITMQ_PASSWORD=$(secret)
export ANSFLOW_SECURITY__SECRET_KEY ANSFLOW_MYSQL_PASSWORD ANSFLOW_RABBITMQ_PASSWORD

had_bridge=$(ls -d /sys/class/net/docker0 2>/dev/null || true)
engine=
clean_up() {
    status=$?
    set +e
    if [ -n "$engine" ]; then
        if [ "$status" != 0 ]; then
            compose ps --all
            compose logs --no-color --tail 15
        fi
        compose down --volumes --timeout 20 >/dev/null 2>&1
        kill "$engine"
        wait "$engine" 2>/dev/null
        [ -n "$had_bridge" ] || ip link delete docker0 2>/dev/null
    fi
    # The engine leaves its mounts when it was killed; removing below them would be a mess.
    awk -v below="$folder/" 'index($2, below) == 1 {print $2}' /proc/mounts | sort -r | xargs -r -n 1 umount
    [ -n "${KEEP:-}" ] || rm -rf "$folder"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Compose comes from Debian trixie, in an image, since older releases have only its predecessor.
compose() {
    docker run --rm -i --network host -v "$folder/docker.sock:/var/run/docker.sock" \
        -v "$PWD:$PWD" -w "$PWD" -e ANSFLOW_PUBLISH -e ANSFLOW_PUBLISH_MANAGEMENT \
        -e ANSFLOW_SECURITY__SECRET_KEY -e ANSFLOW_MYSQL_PASSWORD -e ANSFLOW_RABBITMQ_PASSWORD \
        local/compose docker compose --project-name "$project" "$@"
}

install_engine() {
    say "engine: docker.io, debootstrap"
    apt-get update -qq
    policy=/usr/sbin/policy-rc.d
    [ ! -e $policy ] || cp -p $policy "$folder/policy"
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        docker.io debootstrap curl tini iptables >"$folder/apt.log" 2>&1
    if [ -e "$folder/policy" ]; then mv "$folder/policy" $policy; else rm $policy; fi
    dockerd --host "$DOCKER_HOST" --data-root "$folder/engine" --exec-root "$folder/run" \
        --pidfile "$folder/docker.pid" >"$folder/dockerd.log" 2>&1 &
    engine=$!
    for _ in $(seq 120); do
        docker version >/dev/null 2>&1 && return
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.5
    done
    tail -n 30 "$folder/dockerd.log"
    fail "The engine did not start."
}

# A minimal Debian as an image; what lets this machine reach its package sources goes in too.
import_release() {
    local release=$1 root=$folder/$1
    docker image inspect "local/$release" >/dev/null 2>&1 && return
    say "base image: Debian $release"
    mirror=$(apt-get indextargets --format '$(CREATED_BY) $(SITE)' | awk '$1 == "Packages" {print $2; exit}')
    debootstrap --variant=minbase --include=ca-certificates "$release" "$root" "$mirror" >"$folder/$release.log" 2>&1 ||
        fail "debootstrap failed: $(tail -n 5 "$folder/$release.log")"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/pip.conf"
    cp /etc/apt/apt.conf.d/*registry* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
    tar -C "$root" -c . | docker import - "local/$release" >/dev/null
    rm -rf "$root"
}

build_image() {
    say "image: $1"
    build --tag "$1" --file "deploy/images/$2.Dockerfile" deploy/images
}

build() {
    docker build --quiet --network host "$@" >"$folder/build.log" 2>&1 ||
        fail "The image was not built: $(tail -n 20 "$folder/build.log")"
}

make_images() {
    import_release trixie
    import_release sid
    build_image local/compose compose
    build_image python:3.13-slim python
    build_image mysql:8.4 mysql
    build_image redis:8 redis
    build_image rabbitmq:4-management rabbitmq
    say "image: ansflow"
    build --tag ansflow:latest .
}

versions() {
    compose exec -T mysql mysqld --version
    compose exec -T redis redis-server --version
    printf 'rabbitmq %s\n' "$(compose exec -T rabbitmq rabbitmqctl --quiet version)"
    compose exec -T app python --version
    printf 'the application runs as %s\n' "$(compose exec -T app id)"
}

# api PATH < JSON
api() {
    curl --fail-with-body --silent --show-error --header "Authorization: Bearer $token" \
        --header 'Content-Type: application/json' --data-binary @- "http://$ANSFLOW_PUBLISH/api/v1$1"
}

as_json() { python3 -c 'import json, sys; print(json.dumps({"slug": sys.argv[1], "source": sys.stdin.read()}))' "$1"; }

run_pipeline() {
    token=$(compose logs --no-color app | sed -n 's/.*API token *//p' | tr -d '[:space:]')
    [ -n "$token" ] || fail "The application printed no API token."
    echo '{"slug": "prove"}' | api /projects >/dev/null
    for name in diamond outputs ten-steps; do
        as_json "$name" <"examples/$name.yml" | api /projects/prove/pipelines >/dev/null
        say "ansflow trigger prove/$name --follow"
        compose exec -T -e ANSFLOW_TOKEN="$token" app ansflow trigger "prove/$name" --follow
    done
}

mkdir -p "$folder"
install_engine
make_images
say "docker compose up --wait"
began=$SECONDS
compose --progress quiet up --wait --no-build
say "all parts are healthy after $((SECONDS - began)) s"
compose ps --all --format 'table {{.Service}}\t{{.Image}}\t{{.Status}}'
versions
curl --fail --silent --show-error "http://$ANSFLOW_PUBLISH/health/ready" && echo
curl --fail --silent --output /dev/null "http://$ANSFLOW_PUBLISH/metrics"
curl --fail --silent --output /dev/null --user "ansflow:$ANSFLOW_RABBITMQ_PASSWORD" \
    "http://$ANSFLOW_PUBLISH_MANAGEMENT/api/overview"
run_pipeline
say "compose.yaml is proven: every part is healthy and three pipelines ended in success"
