/**
 * The demonstration: {@link org.peltast.demo.Demo} distils the shipped teacher in a given time,
 * measures student, teacher and real pictures on the same prompts, and leaves a page, which {@link
 * org.peltast.demo.DemoReport} writes from the run's files.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.demo;
