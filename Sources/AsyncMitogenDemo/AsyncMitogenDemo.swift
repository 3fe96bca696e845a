import AsyncMitogen

@main
struct AsyncMitogenDemo {
  static func main() async {
    print(ContextID.master)
  }
}
