extension FirstStage {
  /// The program, in one line: its length counts for every connection.
  ///
  /// It must mean the same to every shell, and arrive whole through any: it holds no single quote, exclamation mark,
  /// backslash or newline, so that single quotes carry it through sh, csh and fish alike.
  static let text = lines.joined()

  /// What comes before, where the file that runs here may be executed: `$1` is then ``OwnFile/argument``, which goes.
  ///
  /// If the file is there, and is the same, it says so and becomes it.
  static let ownFileText = [
    "a=$1 p=${1#+*+} i=${1%%+/*};i=${i##*/};shift;",
    // Root sees which file our process runs. Others look at its number: newer kernels tell it to the shell itself, an
    // ls takes a millisecond. On file systems in layers only ls tells the number that our process sees.
    #"o(){ [ -x "$p" ]||return 1;[ "$p" -ef "/proc/$i/exe" ]&&return 0;"#,
    #"{ while read -r k v;do [ "$k" = ino: ]&&case $a in "+$v/"*)return 0;esac;done</proc/self/fdinfo/3;}"#,
    #" 2>/dev/null 3<"$p";set -- $(ls -niL "$p" 2>/dev/null);case $a in "+$1/"*):;;*)false;esac;};"#,
    #"if o;then echo;echo "MITO$1 facts cached uname \#(HostPlatform.name)";"#,
    #"export ASYNC_MITOGEN_CHILD=1;exec "$p" "mitogen:$2";fi;"#,
  ].joined()

  /// The steps. `$1` is the token, `$2` the name, `$3` the cache; then `SYSTEM MACHINE=DIGEST` for each image that may be
  /// in the cache, and the paths of files that must be there.
  private static let lines = [
    "K=$1 N=$2 C=$3;shift 3;",
    "e=shell t= r= d= m= F=iflag=fullblock B=65536;",
    #"q(){ "$@" 2>/dev/null;};"#,
    // Removes what there is to remove. If nothing is, it starts nothing: when exec has failed, mksh has forgotten about its
    // children, and waits for them without end.
    #"u(){ [ "$t" ]&&rm -rf "$t";t=;};"#,
    // Whatever ends the script ends here: nothing stays, and one line says why. A successful exec does not come by.
    #"z(){ u;echo;echo "MITO$K fail $e";};"#,
    #"trap z 0;trap "e=killed;exit 1" 1 2 13 15;"#,
    #"q cd "${PWD:-/}"||cd /;"#,
    // Whether a file or directory is ours or root's, and nobody else may write to it.
    #"o(){ set -- $(q ls -nd "$1");P=$1;case $1/$3 in ?????-??-*/0|?????-??-*/$U):;;*)false;esac;};"#,
    // Whether standard input has the digest: tools print more behind it, and nothing at all is no digest.
    "h(){ case $($s) in $d?*):;;*)false;esac;};",
    "U=$(id -u) M=$(uname -sm) s= g=;",
    // A tool is one that knows the digest of nothing.
    #"for c in sha256sum "busybox sha256sum" "openssl dgst -sha256 -r";do "#,
    "case $(q $c </dev/null) in e3b0c442*)s=$c;break;esac;done;",
    "command -v gzip >/dev/null&&g=gzip;",
    #"for a do case $a in /*)[ -e "$a" ]||m=missing;;"$M="*)d=${a#*=};esac;done;"#,
    #"case $C in "~")C=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}};C=${C:+$C/async-mitogen};esac;"#,
    "f=$C/$d;",
    #"[ "$C" ]&&{ q mkdir -pm 700 "$C";o "$C"||C=;};"#,
    // Nobody can have written to a sealed one since it was checked.
    #"o "${C:+$f}"&&{ [ $P = -r-x------ ]||h <"$f";}&&r=cached;"#,
    #"echo;echo "MITO$K facts $r $g ${s:+sha256} $m uname $M";"#,
    // One that the system refuses to execute goes: the next connection sends another.
    #"if [ "$r" ];then p=$f t=$f;else "#,
    "e=link;read -r d n k G||exit;",
    // What was killed in the middle of an upload, long ago. Only in the cache: nobody else can have put it there.
    #"{ [ "$C" ]&&find "$C"/.mitogen.* -mtime +0 -exec rm -rf {} +;"#,
    "p= e=;",
    "dd $F count=0 </dev/null||{ F=;B=1;};} 2>/dev/null;",
    #"for b in "$C" "$XDG_RUNTIME_DIR" /dev/shm /tmp /var/tmp "$HOME" "$PWD";do case $b in /*)"#,
    "w=unwritable t=$b/.mitogen.$K;x=$t/x;",
    // A directory, because it is made or it is not: a file could be somebody's pipe or link.
    #"if q mkdir -m 700 "$t"&&>"$x"&&chmod 700 "$x";then w=noexec;"#,
    // An empty file is a program to every shell, unless the file system forbids programs.
    #"if q "$x";then w=full;"#,
    // Room is taken before the image comes: it comes once.
    #"if q dd if=/dev/zero of="$x" bs=65536 count=$k;then p=$x;break;fi;fi;fi;"#,
    #"u;e="$e $w:$b";esac;done;"#,
    #"[ "$p" ]||exit;"#,
    // Where /proc allows, the file has no name any more when the image comes: nothing can be left, whatever happens.
    #"exec 3<"$x";q=/proc/self/fd/3;"#,
    #"[ "$b" = "$C" ]||{ [ -x $q ]&&p=$q&&u;};"#,
    "e=unpack;",
    // What writes to it is open for that command alone: mksh keeps a copy of what it is told to close, and nothing that is
    // open for writing is executed. Not with `>`, which would give the room away.
    // Exactly n bytes, though what follows them is in the pipe already: head of busybox would take more. A dd that cannot
    // wait for full blocks takes them one by one.
    #"{ dd bs=$B count=$((n/B)) $F;[ $((n%B)) = 0 ]||dd bs=$((n%B)) count=1 $F;} 2>/dev/null|$G 1<>"$p"||exit;"#,
    #"e=nodigest;[ "$s" ]||exit;e=digest;h <&3||exit;"#,
    "case $p in /proc/*);;*)exec 3<&-;",
    // Sealed once it is on the disk, where that can be waited for: a crash could otherwise leave another content.
    #"if [ "$b" = "$C" ];then q dd of="$x" conv=notrunc,fsync</dev/null&&chmod 500 "$x";mv -f "$x" "$C/$d"&&p=$C/$d;u;"#,
    #"else (sleep 9;u)</dev/null >/dev/null 2>&1& fi;esac;"#,
    "fi;",
    #"e=exec;export ASYNC_MITOGEN_CHILD=1;exec "$p" "mitogen:$N""#,
  ]
}
