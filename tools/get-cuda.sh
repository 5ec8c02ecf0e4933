#!/usr/bin/env bash
# Unpacks CUDA's compiler (Debian's packages of 12.4, from the mirror this machine already uses) into a folder laid out as
# NVIDIA's own toolkit. Installs nothing. The packages' licence is NVIDIA's; nothing of them is shipped but the static runtime.
# usage: tools/get-cuda.sh FOLDER
set -euo pipefail

target=$(realpath -m "${1:?usage: tools/get-cuda.sh FOLDER}")
suite=trixie
packages=(nvidia-cuda-toolkit libnvvm4 nvidia-cuda-dev libcudart12 libnvtoolsext1 libthrust-dev libcub-dev libcu++-dev)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A package manager of its own, so that neither the sources nor the lists of the system change.
# shellcheck disable=SC2016  # the placeholders are apt's
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' | awk '$2 !~ /-/ { print $1; exit }')
[ -n "$mirror" ] || { echo "get-cuda: apt knows no Debian mirror" >&2; exit 1; }
mkdir -p "$work"/{state,lists/partial,cache/archives/partial,debs,files}
echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main contrib non-free" >"$work/sources.list"
cat >"$work/apt.conf" <<END
Dir::State "$work/state";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
END
export APT_CONFIG=$work/apt.conf
apt-get -qq update
(cd "$work/debs" && apt-get -qq download "${packages[@]}")

# Of the large development package only what compiling and linking take.
libraries=./usr/lib/x86_64-linux-gnu
for package in "$work"/debs/*.deb; do
  case $package in
    */nvidia-cuda-dev_*)
      dpkg-deb --fsys-tarfile "$package" | tar -x -C "$work/files" --wildcards './usr/include/*' "$libraries/libcudart*" \
        "$libraries/libcudadevrt.a" "$libraries/libculibos.a" "$libraries/stubs/libcuda.so"
      ;;
    *) dpkg-deb -x "$package" "$work/files" ;;
  esac
done

made=$target.part
rm -rf "$made"
mkdir -p "$made"/{bin,lib64,nvvm/bin,nvvm/lib64,nvvm/libdevice}
cd "$work/files/usr"
mv lib/nvidia-cuda-toolkit/bin/nvcc lib/nvidia-cuda-toolkit/bin/crt "$made/bin/"
for tool in bin2c cu++filt cudafe++ cuobjdump fatbinary nvdisasm nvlink nvprune ptxas; do mv "bin/$tool" "$made/bin/"; done
mv lib/nvidia-cuda-toolkit/bin/cicc "$made/nvvm/bin/"
mv lib/nvidia-cuda-toolkit/libdevice/libdevice.10.bc "$made/nvvm/libdevice/"
mv lib/x86_64-linux-gnu/libnvvm.so* "$made/nvvm/lib64/"
mv include "$made/include"
cp -a lib/x86_64-linux-gnu/{libcudart*,libcudadevrt.a,libculibos.a,stubs} "$made/lib64/"
cat >"$made/bin/nvcc.profile" <<'END'
TOP              = $(_HERE_)/..
CICC_PATH        = $(TOP)/nvvm/bin
NVVMIR_LIBRARY_DIR = $(TOP)/nvvm/libdevice
LD_LIBRARY_PATH += $(TOP)/lib64:
PATH            += $(CICC_PATH):$(_HERE_):
INCLUDES        +=  "-I$(TOP)/include" $(_SPACE_)
SYSTEM_INCLUDES +=  "-isystem" "$(TOP)/include" $(_SPACE_)
LIBRARIES        =+ $(_SPACE_) "-L$(TOP)/lib64/stubs" "-L$(TOP)/lib64"
CUDAFE_FLAGS    +=
PTXAS_FLAGS     +=
END
rm -rf "$target"
mv "$made" "$target"
"$target/bin/nvcc" --version | sed -n 's/^Build //p'
