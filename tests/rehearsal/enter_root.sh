#!/bin/sh
# enter_root.sh KIND ROOT PYTHON RUNTIME TASK LAYERS TMP -- COMMAND ...: run a command in a root of its own.
#
# Expects to have a mount namespace to itself (unshare -m). The root has this machine's libraries, and where
# Lambda has them: Python in /var/lang, the runtime client in /var/runtime, and for KIND "lambda" the code in
# /var/task, the layers (FOLDER:FOLDER) in /opt, all of it read-only but /tmp, as user 993. For KIND "fargate"
# there is neither code nor layer, /tmp is the folder TMP, and the user is root.
set -e
KIND=$1 ROOT=$2 PYTHON=$3 RUNTIME=$4 TASK=$5 LAYERS=$6 TMP=$7
shift 8
mount --make-rprivate /
mount -t tmpfs -o size=64m tmpfs "$ROOT"
cd "$ROOT"
mkdir usr etc dev proc sys tmp var var/task var/lang var/runtime opt
for folder in bin lib lib64 sbin; do ln -s "usr/$folder" "$folder"; done
for folder in usr etc dev; do mount --rbind "/$folder" "$folder"; done
mount -t proc proc proc 2>/dev/null || mount --rbind /proc proc
mount --bind "$PYTHON" var/lang
mount --bind "$RUNTIME" var/runtime
if [ "$KIND" = lambda ]; then
  mount --bind "$TASK" var/task
  mount -o remount,ro,bind "$ROOT/var/task"
  mount -t overlay overlay -o "lowerdir=$LAYERS" opt
  mount -t tmpfs -o size=512m,mode=1777 tmpfs tmp
  mount -o remount,ro "$ROOT"
  exec chroot --userspec=993:990 "$ROOT" /bin/sh -c 'cd /var/task; exec "$@"' sh "$@"
fi
mount --bind "$TMP" tmp
exec chroot "$ROOT" /bin/sh -c 'cd /var/task; exec "$@"' sh "$@"
