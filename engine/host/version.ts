/** This engine's version, and the Docker Engine API versions it speaks. */
export const VERSION = "0.1.0";
export const API_VERSION = "1.51";
export const OLDEST_API_VERSION = "1.24";
