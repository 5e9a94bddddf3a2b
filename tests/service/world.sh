# A throw-away world with a systemd manager for one user in it: namespaces of its own for processes, mounts,
# network and host name, a cgroup of its own, its own /run and /home. It ends when its standard input does.
# Run by world.py under unshare, with CGROUP naming a directory of the cgroup2 hierarchy, and RUNTIME and HOME.
set -eu
ip link set lo up
umount -R -l /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
cgroup=/sys/fs/cgroup/$CGROUP
# Named as systemd names them, for the journal tells by these names whose lines it is given.
manager=$cgroup/user.slice/user-0.slice/user@0.service
mkdir -p "$manager" "$cgroup/init.scope"
echo $$ > "$cgroup/init.scope/cgroup.procs"
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /home
# /run/systemd/system says that the machine was booted with systemd; unit-root is where it builds file systems.
mkdir -p /run/systemd/system /run/systemd/unit-root /run/systemd/journal /run/log/journal
# What is mounted over things that a unit may not see. A machine's first process makes these.
hidden=/run/systemd/inaccessible
mkdir -p "$hidden"
mkdir -m 000 "$hidden/dir"
mkfifo -m 000 "$hidden/fifo"
install -m 000 /dev/null "$hidden/reg"
install -d -m 700 "$RUNTIME" "$HOME"
/lib/systemd/systemd-journald > /dev/null 2>&1 &
# Of the capabilities only the one without which the kernel lets nobody map the user 0: a plain user, who is not 0,
# needs none. So the manager has no more rights than a plain user's.
(
  echo "$BASHPID" > "$manager/cgroup.procs"
  cd /
  exec setpriv --reset-env --inh-caps=-all --bounding-set=-all,+setfcap env HOME="$HOME" XDG_RUNTIME_DIR="$RUNTIME" \
    /lib/systemd/systemd --user --log-target=journal < /dev/null > /dev/null 2>&1
) &
for _ in $(seq 300); do
  [ -S "$RUNTIME/systemd/private" ] && break
  sleep 0.1
done
echo ready
read -r _ || true
