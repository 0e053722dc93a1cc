package bridge.test;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Standard output as JSON, one object a line, each written at once. */
final class Lines {
  private static final Gson GSON = new GsonBuilder().serializeNulls().serializeSpecialFloatingPointValues().create();
  private static final PrintStream OUT =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

  private Lines() {}

  static synchronized void print(Map<String, ?> object) {
    OUT.println(GSON.toJson(object));
  }

  /** Subscribed: what is sent from now on will be seen. */
  static void ready() {
    print(Map.of("ready", true));
  }

  /** Nothing more came in time. */
  static void timeout(int received) {
    print(Map.of("timeout", true, "received", received));
  }
}
