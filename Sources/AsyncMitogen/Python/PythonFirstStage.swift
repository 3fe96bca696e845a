/// What a Python interpreter runs before it is a context.
///
/// It splits in two: one half reads the preamble from the parent, and passes it on through pipes; the other becomes an
/// interpreter that reads its program from the first of them, with the link to the parent as descriptor 100 and its own
/// source once more on 101. Mitogen's first stage, in other words; ``PythonDialogue`` is the parent's side.
struct PythonFirstStage: Sendable {
  let program: PythonProgram
  /// How the process is called in process listings.
  let name: String
  /// How many bytes of preamble it is sent.
  let length: Int

  /// The command line.
  var words: [String] {
    program.words + ["-c", PythonFirstStage.launcher, PythonFirstStage.encoded, name, String(length)]
  }

  /// What `-c` runs: no more than it takes to run a text that nothing on the way can damage.
  ///
  /// An empty entry of the path is a directory that may be anybody's, or unreadable.
  static let launcher =
    "import sys;sys.path[:]=[p for p in sys.path if p];import binascii;exec(binascii.a2b_base64(sys.argv[1]))"

  /// The program, for Python 2.6 and newer.
  static let text = """
    import os,select,sys,zlib
    (a,b),(c,d)=os.pipe(),os.pipe()
    if os.fork():
     os.dup2(0,100);os.dup2(a,0);os.dup2(c,101)
     for f in(a,b,c,d):os.close(f)
     p=os.environ['ARGV0']=sys.executable
     os.execv(p,[p+'(mitogen:'+sys.argv[2]+')'])
    os.write(1,'MITO000\\n'.encode())
    n=int(sys.argv[3]);s=''.encode()
    while len(s)<n:
     select.select([0],[],[])
     t=os.read(0,n-len(s))
     if not t:sys.exit('the parent is gone')
     s+=t
    z=zlib.decompressobj();s=z.decompress(s)+z.unused_data
    for f in(b,d):
     f=os.fdopen(f,'wb');f.write(s);f.close()
    os.write(1,'MITO001\\n'.encode());os.close(2)
    """

  static let encoded = base64(Array(text.utf8))

  /// Base64, without line breaks.
  static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var result: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      for place in 0..<4 {
        result.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
