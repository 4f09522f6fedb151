loaded.push("script");
