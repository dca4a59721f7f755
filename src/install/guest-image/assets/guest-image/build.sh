#!/bin/bash
# Builds the tiny guest image "pileus-test" in three steps, each of which reads what the one before left in WORK.
#
#   build.sh packages WORK CACHE    fetches Debian packages into CACHE and unpacks them below WORK; nothing is installed
#   build.sh initrd   WORK          makes WORK/vmlinuz and WORK/initrd.img
#   build.sh disk     WORK          makes WORK/disk.qcow2: MBR, FAT16 with syslinux, ext4 labelled "tinydata"
#
# Needs no root, no loop devices and no mounts. The caller owns WORK and removes it.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
export SOURCE_DATE_EPOCH=1700000000 # the same bytes from the same packages

ASSETS=$(dirname "$(realpath "$0")")
STEP=${1:?which step} WORK=${2:?a work directory}
UNPACKED=$WORK/unpacked ROOT=$WORK/root
LIB=lib/x86_64-linux-gnu
BOOT_MIB=24 DATA_MIB=8

PACKAGES="busybox dropbear-bin libtomcrypt1 libtommath1 libgmp10 zlib1g libcrypt1 libc6"
LIBRARIES="libc.so.6 libresolv.so.2 libcrypt.so.1 libz.so.1 libtomcrypt.so.1 libtommath.so.1 libgmp.so.10"
MODULES="virtio_pci virtio_blk virtio_net virtio_balloon evdev button"
MODULES_LATER="virtio_console virtio_scsi sd_mod ata_piix sr_mod isofs vfat nls_cp437 nls_iso8859-1 nls_ascii virtio-rng"

newest_in_cache() { find "$CACHE" -maxdepth 1 -name "$1_*.deb" -printf '%T@ %p\n' | sort -rn | head -n 1 | cut -d ' ' -f 2-; }

packages() {
  CACHE=${1:?a cache directory}
  mkdir -p "$CACHE" "$UNPACKED"
  local kernel deb
  # The meta package names the current kernel; without package lists, one from the cache will do.
  kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image/{print $2; exit}')
  [ -n "$kernel" ] || kernel=$(basename "$(newest_in_cache 'linux-image-*-cloud-amd64')" | cut -d _ -f 1)
  [ -n "$kernel" ] || { echo "Debian's cloud kernel is in no package list; run \"apt-get update\" as root and try again" >&2; exit 3; }
  for package in "$kernel" $PACKAGES; do
    deb=$(newest_in_cache "$package")
    if [ -z "$deb" ]; then
      # Into a directory of its own first, so that a broken download is never found in the cache.
      mkdir -p "$WORK/download"
      (cd "$WORK/download" && apt-get download -q "$package" >&2)
      mv "$WORK/download/$package"_*.deb "$CACHE/"
      deb=$(newest_in_cache "$package")
    fi
    dpkg-deb -x "$deb" "$UNPACKED"
  done
}

# A kernel module without its signature, which is a third of the small ones: [module][signature][40 bytes].
strip_signature() {
  local size
  size=$(($(tail -c 32 "$1" | head -c 4 | od -An -tu1 | awk '{print (($1*256+$2)*256+$3)*256+$4}') + 40))
  head -c "-$size" "$1"
}

module_files() {
  for module in "$@"; do
    modprobe -d "$UNPACKED" -S "$KERNEL" --show-depends "$module" | awk '$1=="insmod"{print $2}'
  done
}

initrd() {
  local name target hash
  KERNEL=$(ls "$UNPACKED/lib/modules")
  cp "$UNPACKED/boot/vmlinuz-$KERNEL" "$WORK/vmlinuz"
  mkdir -p "$ROOT"/{bin,sbin,dev,proc,sys,run,tmp,root/.ssh,home,mnt,persist,etc,var/log,lib/modules,lib64,usr/bin,usr/sbin,$LIB}
  ln -s /run "$ROOT/var/run"
  cp "$UNPACKED/bin/busybox" "$ROOT/bin/"
  cp "$UNPACKED/usr/sbin/dropbear" "$UNPACKED/usr/bin/dropbearkey" "$ROOT/usr/bin/"
  cp -L "$UNPACKED/$LIB/ld-linux-x86-64.so.2" "$ROOT/lib64/"
  for name in $LIBRARIES; do
    cp -L "$(find "$UNPACKED/$LIB" "$UNPACKED/usr/$LIB" -name "$name*" | sort | head -n 1)" "$ROOT/$LIB/$name"
  done

  cp -r "$ASSETS/root/." "$ROOT/"
  hash=$(openssl passwd -1 -salt tiny gocubsgo)
  sed "s:@PASSWORD@:$hash:" "$ROOT/etc/passwd.in" > "$ROOT/etc/passwd"
  rm "$ROOT/etc/passwd.in"
  echo 'root:x:0:' > "$ROOT/etc/group"
  echo /bin/sh > "$ROOT/etc/shells"
  echo tiny > "$ROOT/etc/hostname"
  chmod +x "$ROOT/init" "$ROOT"/etc/{rcS,rcK,acpi/PWRF/00000080} "$ROOT"/usr/bin/{sudo,lsblk,curl} "$ROOT"/sbin/{blkid,mke2fs} "$ROOT/usr/share/udhcpc/default.script"

  # busybox's own programs, except where the image brings one of that name.
  for name in $("$UNPACKED/bin/busybox" --list); do
    case $name in
    init | ifup | ifdown | insmod | getty | poweroff | reboot | halt | ip | udhcpc | acpid | hwclock | modprobe | rmmod | lsmod) target=sbin ;;
    blkid | mke2fs | busybox) continue ;;
    *) target=bin ;;
    esac
    ln -s /bin/busybox "$ROOT/$target/$name"
  done

  depmod -b "$UNPACKED" "$KERNEL"
  module_files $MODULES | awk '!seen[$0]++' > "$WORK/modules"
  wc -l < "$WORK/modules" > "$ROOT/etc/modules.eager"
  module_files $MODULES $MODULES_LATER | awk '!seen[$0]++' > "$WORK/modules"
  while read -r name; do
    strip_signature "$name" > "$ROOT/lib/modules/$(basename "$name")"
    echo "/lib/modules/$(basename "$name")"
  done < "$WORK/modules" > "$ROOT/etc/modules.order"

  find "$ROOT" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
  (cd "$ROOT" && find . -mindepth 1 | sort | cpio --quiet -o -H newc -R 0:0 --reproducible | gzip -9n) > "$WORK/initrd.img"
}

disk() {
  local disk=$WORK/disk.raw fat=$WORK/fat ext=$WORK/ext mbr
  truncate -s $((1 + BOOT_MIB + DATA_MIB))M "$disk"
  sfdisk -q "$disk" << TABLE
label: dos
label-id: 0x74696e79
start=2048, size=${BOOT_MIB}M, type=e, bootable
start=$((2048 + BOOT_MIB * 2048)), size=${DATA_MIB}M, type=83
TABLE
  mbr=$(find /usr/lib/syslinux /usr/lib/SYSLINUX -name mbr.bin 2>/dev/null | sort | head -n 1)
  dd if="$mbr" of="$disk" bs=440 count=1 conv=notrunc status=none

  truncate -s ${BOOT_MIB}M "$fat"
  mkfs.fat -n TINYBOOT -i 74696e79 --invariant "$fat" > /dev/null
  mcopy -i "$fat" "$WORK/vmlinuz" "$WORK/initrd.img" "$ASSETS/syslinux.cfg" ::/
  syslinux --install "$fat"
  dd if="$fat" of="$disk" bs=1M seek=1 conv=notrunc,sparse status=none

  truncate -s ${DATA_MIB}M "$ext"
  mkdir "$WORK/empty"
  mke2fs -q -t ext4 -L tinydata -U 74696e79-0000-4000-8000-000000000001 -E hash_seed=74696e79-0000-4000-8000-000000000002 \
    -m 0 -O ^has_journal -d "$WORK/empty" "$ext"
  dd if="$ext" of="$disk" bs=1M seek=$((1 + BOOT_MIB)) conv=notrunc,sparse status=none

  qemu-img convert -f raw -O qcow2 "$disk" "$WORK/disk.qcow2"
}

case $STEP in
packages) packages "${3:-}" ;;
initrd) initrd ;;
disk) disk ;;
*) echo "unknown step $STEP" >&2; exit 2 ;;
esac
