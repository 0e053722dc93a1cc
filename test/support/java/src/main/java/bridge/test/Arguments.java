package bridge.test;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code --name value} pairs; a name may come several times. */
final class Arguments {
  private final Map<String, List<String>> values = new HashMap<>();

  /** Reads the arguments from {@code first} on. */
  Arguments(String[] args, int first) {
    for (int i = first; i < args.length; i += 2) {
      if (!args[i].startsWith("--") || i + 1 == args.length)
        throw new IllegalArgumentException("expected --name value at " + args[i]);
      values.computeIfAbsent(args[i].substring(2), name -> new ArrayList<>()).add(args[i + 1]);
    }
  }

  List<String> all(String name) {
    return values.getOrDefault(name, List.of());
  }

  Optional<String> optional(String name) {
    return all(name).stream().findFirst();
  }

  String required(String name) {
    return optional(name).orElseThrow(() -> new IllegalArgumentException("--" + name + " is missing"));
  }

  int number(String name, int otherwise) {
    return optional(name).map(Integer::valueOf).orElse(otherwise);
  }

  /** From the environment, where other users of the machine do not see it. */
  static char[] password() {
    return Optional.ofNullable(System.getenv("PROBE_PASSWORD")).orElse("").toCharArray();
  }
}
