extension FirstStage {
  /// The program, in one line: its length counts for every connection.
  ///
  /// It must mean the same to every shell, and arrive whole through any: it holds no single quote, exclamation mark,
  /// backslash or newline, so that single quotes carry it through sh, csh and fish alike.
  static let text = lines.joined()

  /// The steps. `$1` is the token, `$2` the name, `$3` the cache; then `SYSTEM MACHINE=DIGEST` for each image that may be
  /// in the cache, and the paths of files that must be there.
  private static let lines = [
    "K=$1 N=$2 C=$3;shift 3;",
    "e=shell t= r= d= m= F=iflag=fullblock B=65536;",
    // Removes what there is to remove. If nothing is, it starts nothing: when exec has failed, mksh has forgotten about its
    // children, and waits for them without end.
    #"u(){ [ "$t" ]&&rm -rf "$t";t=;};"#,
    // Whatever ends the script ends here: nothing stays, and one line says why. A successful exec does not come by.
    #"z(){ u;echo;echo "MITO$K fail $e";};"#,
    #"trap z 0;trap "e=killed;exit 1" 1 2 13 15;"#,
    #"[ -d "$PWD" ]&&cd "$PWD" 2>/dev/null||cd /;"#,
    // Whether a file or directory is ours or root's, and nobody else may write to it.
    #"o(){ set -- $(ls -nd "$1" 2>/dev/null);case $1/$3 in ?????-??-*/0|?????-??-*/$U)return;esac;return 1;};"#,
    // Whether standard input has the digest: tools print more behind it, and nothing at all is no digest.
    "h(){ case $($s) in $d?*)return;esac;return 1;};",
    "U=$(id -u) M=$(uname -sm) s= g=;",
    // A tool is one that knows the digest of nothing.
    #"for c in sha256sum "busybox sha256sum" "openssl dgst -sha256 -r";do "#,
    "case $($c </dev/null 2>/dev/null) in e3b0c442*)s=$c;break;esac;done;",
    "command -v gzip >/dev/null&&g=gzip;",
    #"for a do case $a in /*)[ -e "$a" ]||m=missing;;"$M="*)d=${a#*=};esac;done;"#,
    #"case $C in "~")C=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}};C=${C:+$C/async-mitogen};esac;"#,
    "f=$C/$d;",
    #"[ "$C" ]&&{ mkdir -pm 700 "$C" 2>/dev/null;o "$C"||C=;};"#,
    #"[ "$C" ]&&o "$f"&&h <"$f"&&r=cached;"#,
    #"echo;echo "MITO$K facts $r $g ${s:+sha256} $m uname $M";"#,
    #"if [ "$r" ];then p=$f;else "#,
    "e=link;read -r d n k G||exit 1;",
    // What was killed in the middle of an upload, long ago. Only in the cache: nobody else can have put it there.
    #"{ [ "$C" ]&&find "$C"/.mitogen.* -mtime +0 -exec rm -rf {} +;"#,
    "p= e=;",
    "dd $F count=0 </dev/null||{ F=;B=1;};} 2>/dev/null;",
    #"for b in "$C" "$XDG_RUNTIME_DIR" /dev/shm /tmp /var/tmp "$HOME" "$PWD";do case $b in /*)"#,
    "w=unwritable t=$b/.mitogen.$K;x=$t/x;",
    // A directory, because it is made or it is not: a file could be somebody's pipe or link.
    #"if mkdir -m 700 "$t" 2>/dev/null&&touch "$x"&&chmod 700 "$x";then w=noexec;"#,
    // An empty file is a program to every shell, unless the file system forbids programs.
    #"if "$x" 2>/dev/null;then w=full;"#,
    // Room is taken before the image comes: it comes once.
    #"if dd if=/dev/zero of="$x" bs=65536 count=$k 2>/dev/null;then p=$x;break;fi;fi;fi;"#,
    #"u;e="$e $w:$b";esac;done;"#,
    #"[ "$p" ]||exit 1;"#,
    // Where /proc allows, the file has no name any more when the image comes: nothing can be left, whatever happens.
    #"exec 3<"$x";q=/proc/self/fd/3;"#,
    #"case $b in "$C");;*)if [ -x $q ];then p=$q;u;fi;esac;"#,
    "e=unpack;",
    // What writes to it is open for that command alone: mksh keeps a copy of what it is told to close, and nothing that is
    // open for writing is executed. Not with `>`, which would give the room away.
    // Exactly n bytes, though what follows them is in the pipe already: head of busybox would take more. A dd that cannot
    // wait for full blocks takes them one by one.
    #"{ dd bs=$B count=$((n/B)) $F;[ $((n%B)) = 0 ]||dd bs=$((n%B)) count=1 $F;} 2>/dev/null|$G 1<>"$p"||exit 1;"#,
    #"e=nodigest;[ "$s" ]||exit 1;e=digest;h <&3||exit 1;"#,
    "case $p in /proc/*);;*)exec 3<&-;",
    #"if [ "$b" = "$C" ];then mv -f "$x" "$C/$d"&&p=$C/$d;u;"#,
    #"else (sleep 9;u)</dev/null >/dev/null 2>&1& fi;esac;"#,
    "fi;",
    #"e=exec;export ASYNC_MITOGEN_CHILD=1;exec "$p" "mitogen:$N""#,
  ]
}
