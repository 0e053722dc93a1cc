package jms;

import java.nio.file.Path;

/** Where the broker is and who we are, from the environment. */
final class Environment {
  /** A broker that is not there when we start is an error; one that goes away later is waited for. */
  private static final String DEFAULT_BROKER =
      "failover:(tcp://127.0.0.1:61616)?startupMaxReconnectAttempts=0&maxReconnectDelay=2000";

  private Environment() {}

  static String brokerUrl() {
    return System.getenv().getOrDefault("BROKER_URL", DEFAULT_BROKER);
  }

  static String account() {
    return required("JMS_ACCOUNT");
  }

  static String password() {
    return required("JMS_PASSWORD");
  }

  static Path archive() {
    return Path.of(System.getenv().getOrDefault("ARCHIVE_FILE", "chat-archive.jsonl"));
  }

  private static String required(String name) {
    String value = System.getenv(name);
    if (value == null) {
      Terminal.complain("Set the environment variable " + name + ".");
      System.exit(2);
    }
    return value;
  }
}
