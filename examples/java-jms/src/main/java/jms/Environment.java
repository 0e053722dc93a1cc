package jms;

/** Where the broker is and who we are, from the environment. */
final class Environment {
  private Environment() {}

  static String brokerUrl() {
    return System.getenv().getOrDefault("BROKER_URL", "tcp://127.0.0.1:61616");
  }

  static String account() {
    return required("JMS_ACCOUNT");
  }

  static String password() {
    return required("JMS_PASSWORD");
  }

  private static String required(String name) {
    String value = System.getenv(name);
    if (value == null) {
      System.err.println("Set the environment variable " + name + ".");
      System.exit(2);
    }
    return value;
  }
}
