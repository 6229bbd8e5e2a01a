from kpcomplete.app.make_sample import main

main()
